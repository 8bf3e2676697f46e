import type { ErrorBody } from '@clarion/protocol';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ClarionApp } from '../support/clarion-app';
import { calls, fails, LlmServer, says } from '../support/llm-server';
import { McpHttpServer } from '../support/mcp-server';
import { attribute, OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver';

const SERVER = 2;
const CLIENT = 3;
const CONSUMER = 5;
const USER = 'ann-with-a-name-to-find';
const QUICK = { OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_EXPORTER_OTLP_TIMEOUT: '500' };

async function until(condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${ms} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const saw = (app: ClarionApp, text: string): boolean => app.lines.some(({ msg }) => msg === text);
const recordsOf = (app: ClarionApp): Promise<{ severity: string; root_cause: string | null }[]> =>
  app.query(`SELECT severity, root_cause FROM error_records WHERE reason = 'TRACES_NOT_ARRIVING'`);

/** A message is answered, and how long that takes. */
async function chat(app: ClarionApp): Promise<number> {
  const ann = await app.connect('ann');
  const began = performance.now();
  const { run_id } = await ann.drill({ tokens: 3 });
  expect((await ann.ended(run_id)).type).toBe('agent_completed');
  return performance.now() - began;
}

describe('the trace of a message', () => {
  let llm: LlmServer;
  let mcp: McpHttpServer;
  let receiver: OtlpReceiver;
  let app: ClarionApp;

  beforeAll(async () => {
    [llm, mcp, receiver] = await Promise.all([LlmServer.start(), McpHttpServer.start(), OtlpReceiver.start()]);
    app = await ClarionApp.start({
      env: {
        LLM_BASE_URL: llm.baseUrl,
        LLM_MODEL: 'test-model',
        RUN_MAX_ATTEMPTS: '1',
        MCP_SERVERS: JSON.stringify({ calc: { url: mcp.url } }),
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-the-tests',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        ...QUICK,
      },
    });
    await until(() => app.lines.some(({ msg }) => String(msg).includes('calc')) || mcp.authorizations.length > 2);
  });

  afterAll(async () => {
    await app.dispose();
    await Promise.all([llm.close(), mcp.close()]);
    receiver.close();
  });

  const traceOf = (traceId: string | undefined): ReceivedSpan[] =>
    receiver.spans.filter((span) => span.traceId === traceId);

  it('goes from the socket over the job to the model and the tool, and to whom they ask over HTTP', async () => {
    llm.script(calls({ name: 'calc_add', args: { a: 1, b: 2 } }), says('It is 3.'));
    const ann = await app.connect(USER);
    const { run_id } = await ann.say('A text to find: how much is 1 + 2?');
    expect((await ann.ended(run_id)).type).toBe('agent_completed');
    await until(() => receiver.named('invoke_agent assistant').length > 0);

    const [socket] = receiver.named('socket chat_message');
    const trace = traceOf(socket?.traceId);
    const [job, agent, tool] = ['process agent-runs', 'invoke_agent assistant', 'execute_tool calc_add'].map((name) =>
      trace.find((span) => span.name === name),
    );
    const models = trace.filter(({ name }) => name === 'chat test-model');
    expect(socket).toMatchObject({ kind: SERVER, pid: process.pid });
    expect(job).toMatchObject({ kind: CONSUMER, parentSpanId: socket?.spanId });
    expect(agent?.parentSpanId).toBe(job?.spanId);
    expect(tool?.parentSpanId).toBe(agent?.spanId);
    expect(models).toHaveLength(2);
    for (const model of models) expect(model).toMatchObject({ kind: CLIENT, parentSpanId: agent?.spanId });
    expect(attribute(models[1]!, 'gen_ai.usage.input_tokens')).toBe(12);
    expect(attribute(job!, 'clarion.run.id')).toBe(run_id);

    const joined = models.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`);
    expect(llm.requests.slice(-2).map(({ traceparent }) => traceparent)).toEqual(joined);
    expect(mcp.traceparents).toContain(`00-${tool?.traceId}-${tool?.spanId}-01`);
    expect(receiver.headers[0]).toMatchObject({ authorization: 'Bearer of-the-tests' });
  });

  it('names no user and repeats no text', () => {
    const sent = JSON.stringify(receiver.spans);
    expect(sent).not.toContain(USER);
    expect(sent).not.toContain('A text to find');
    expect(sent).not.toContain('It is 3.');
  });

  it('is named by the error that the user gets, its record and its log lines', async () => {
    llm.script(fails(400));
    const ann = await app.connect(USER);
    const { run_id } = await ann.say('Fail, please.');
    const { data } = (await ann.ended(run_id)) as unknown as { data: { error: ErrorBody } };
    const record = await app.recordOf(data.error);
    await until(() => traceOf(record.trace_id ?? '').some(({ name }) => name === 'invoke_agent assistant'));
    const failed = traceOf(record.trace_id ?? '').find(({ name }) => name === 'invoke_agent assistant');
    expect(data.error.trace_id).toBe(record.trace_id);
    expect(failed?.status.code).toBe(2);
    expect(attribute(failed!, 'error.type')).toBe(record.reason);
    expect(
      attribute(
        failed!.events!.find(({ name }) => name === 'failure')!,
        'support_code',
      ),
    ).toBe(record.support_code);
    const line = app.lines.find((found) => found['support_code'] === record.support_code);
    expect(line).toMatchObject({ trace_id: record.trace_id, user_id: USER, run_id });
  });

  it('is that of the HTTP request for one, or the one that the request came with', async () => {
    const headers = { authorization: `Bearer ${await app.adminToken()}` };
    const fail = async (more: Record<string, string> = {}): Promise<ErrorBody> => {
      const response = await app.request('/admin/api/errors/NO_SUCH_THING', { headers: { ...headers, ...more } });
      expect(response.status).toBe(404);
      return (await response.json()) as ErrorBody;
    };
    const own = await fail();
    expect((await app.recordOf(own)).trace_id).toBe(own.trace_id);
    await until(() => traceOf(own.trace_id ?? '').length > 0);
    const [span] = traceOf(own.trace_id ?? '');
    expect(span).toMatchObject({ kind: SERVER, name: 'GET /admin/api/errors/:supportCode' });
    expect(attribute(span!, 'http.response.status_code')).toBe(404);
    expect(span?.events?.map(({ name }) => name)).toEqual(['failure']);

    const [trace, parent] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    expect((await fail({ traceparent: `00-${trace}-${parent}-01` })).trace_id).toBe(trace);
    await until(() => traceOf(trace).length > 0);
    expect(traceOf(trace)).toMatchObject([{ parentSpanId: parent }]);
    expect((await fail({ traceparent: 'rubbish' })).trace_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is that of a posted body that is refused, and probes have an id alone', async () => {
    const headers = { 'content-type': 'application/json' };
    const posted = await app.request('/auth/dev-token', { method: 'POST', headers, body: '{' });
    const { trace_id } = (await posted.json()) as ErrorBody;
    await until(() => traceOf(trace_id ?? '').length > 0);
    const probe = (await (await app.request('/health/components/kitchen')).json()) as ErrorBody;
    expect(probe.trace_id).toMatch(/^[0-9a-f]{32}$/);
    // What ended later has arrived, and it has not.
    const later = (await (await app.request('/no/such/path')).json()) as ErrorBody;
    await until(() => traceOf(later.trace_id ?? '').length > 0);
    expect(traceOf(probe.trace_id ?? '')).toEqual([]);
  });

  it('is told apart from those of other messages that were committed together', async () => {
    const ann = await app.connect(USER);
    const sent = await Promise.all(Array.from({ length: 20 }, () => ann.drill({ tokens: 1 })));
    await Promise.all(sent.map(({ run_id }) => ann.ended(run_id)));
    const jobs = (): ReceivedSpan[] =>
      sent.flatMap(({ run_id }) => receiver.spans.filter((span) => attribute(span, 'clarion.run.id') === run_id));
    await until(() => jobs().length >= 20);
    expect(new Set(jobs().map(({ traceId }) => traceId)).size).toBe(20);
  });
});

describe('a receiver of traces', () => {
  let app: ClarionApp;
  let receiver: OtlpReceiver;

  beforeEach(async () => {
    receiver = await OtlpReceiver.start();
  });

  afterEach(async () => {
    await app.dispose();
    receiver.close();
  });

  const start = async (url: string, more: Record<string, string> = {}): Promise<void> => {
    app = await ClarionApp.start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...QUICK, ...more } });
  };

  async function toldOnce(): Promise<void> {
    await until(async () => (await recordsOf(app)).length > 0);
    await chat(app);
    await chat(app);
    expect(await recordsOf(app)).toEqual([{ severity: 'warning', root_cause: expect.any(String) as string }]);
  }

  it('that takes spans is told of once in the log', async () => {
    await start(receiver.url);
    await until(() => saw(app, 'Spans arrive'));
    expect(receiver.named('process start')).toHaveLength(1);
    expect(await recordsOf(app)).toEqual([]);
  });

  it('that is absent is on record from the start, and nothing waits for it', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await start(`http://127.0.0.1:${port}`);
    await toldOnce();
  });

  it('that answers with errors is on record, and that it is well again in the log', async () => {
    receiver.status = 500;
    await start(receiver.url);
    await toldOnce();
    receiver.status = 200;
    await chat(app);
    await until(() => saw(app, 'Spans arrive'));
    expect(await recordsOf(app)).toHaveLength(1);
  });

  it('that never answers holds nothing up, and what waits for it is bounded', async () => {
    receiver.status = 'never';
    await start(receiver.url, { OTEL_BSP_MAX_QUEUE_SIZE: '4' });
    await until(async () => (await recordsOf(app)).length > 0);
    for (let sent = 0; sent < 5; sent += 1) await chat(app);
    const response = await app.request('/metrics', { headers: { authorization: `Bearer ${await app.adminToken()}` } });
    const metrics = await response.text();
    const count = (outcome: string): number =>
      Number(new RegExp(`^clarion_spans_total{outcome="${outcome}"} (\\d+)$`, 'm').exec(metrics)?.[1]);
    expect(count('exported')).toBe(0);
    expect(count('ended')).toBeGreaterThan(count('failed') + 8);
  });

  it('is not asked where none is configured: ids stay, nothing is recorded or sent along', async () => {
    app = await ClarionApp.start();
    const ann = await app.connect('ann');
    const { run_id } = await ann.drill({ tokens: 5, fail: { kind: 'throw', at_token: 2 } });
    const { data } = (await ann.ended(run_id)) as unknown as { data: { error: ErrorBody } };
    const record = await app.recordOf(data.error);
    const [run] = await app.query<{ traceparent: string }>('SELECT traceparent FROM runs WHERE id = $1', [run_id]);
    expect(run?.traceparent).toMatch(new RegExp(`^00-${record.trace_id}-[0-9a-f]{16}-00$`));
    expect(receiver.requests).toBe(0);
  });
});
