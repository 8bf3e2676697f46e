import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import {
  breaksOff,
  calls,
  delta,
  fails,
  hangsUp,
  line,
  type LlmScript,
  LlmServer,
  says,
  sends,
  stalls,
} from '../support/llm-server';
import { McpHttpServer } from '../support/mcp-server';

const KEY = 'sk-very-secret-key';
const HEADER = 'Bearer mcp-secret';

describe('the assistant', () => {
  let llm: LlmServer;
  let mcp: McpHttpServer;
  let app: ClarionApp;
  let ann: ChatClient;

  beforeAll(async () => {
    [llm, mcp] = await Promise.all([LlmServer.start(), McpHttpServer.start()]);
    const redact = { arguments: ['b'], result: true };
    app = await ClarionApp.start({
      env: {
        LLM_BASE_URL: llm.baseUrl,
        LLM_API_KEY: KEY,
        LLM_MODEL: 'test-model',
        LLM_PRICE_INPUT: '10',
        LLM_PRICE_OUTPUT: '100',
        LLM_SILENCE_TIMEOUT_MS: '2000',
        LLM_CONTEXT_TOKENS: '4000',
        TOOL_RESULT_MAX_CHARS: '2000',
        RUN_MAX_ATTEMPTS: '1',
        RUN_RETRY_DELAY_MS: '50',
        PROVIDER_CIRCUIT_FAILURES: '1000',
        ASSISTANTS: JSON.stringify({
          pirate: { prompt: 'Talk like a pirate.', model: 'sea-model', tools: [], price: { input: 0, output: 1 } },
          hasty: { tools: ['calc_add'], max_steps: 2 },
          steady: { max_attempts: 2, tools: ['calc_count'] },
          weak: { fallback: 'pirate' },
          impatient: { tools: ['calc_hang'], first_output_timeout_ms: 300, tool_timeout_ms: 300 },
        }),
        MCP_SERVERS: JSON.stringify({
          calc: { url: mcp.url, headers: { authorization: HEADER }, timeout_ms: 2_000 },
          secretive: { url: mcp.url, headers: { authorization: HEADER }, tools: ['add', 'slow'], redact },
          dead: { command: '/no/such/program' },
        }),
      },
    });
  });

  beforeEach(async () => {
    ann = await app.connect('ann');
    llm.requests.length = 0;
    llm.otherwise = fails(500);
  });

  afterEach(() => expect(app.closeClients()).toEqual([]));

  afterAll(async () => {
    await app.dispose();
    await Promise.all([llm.close(), mcp.close()]);
  });

  /** Waits for the tools, as connecting to them delays no start. */
  async function untilToolsAreThere(): Promise<void> {
    for (;;) {
      llm.script(says('ready?'));
      const { run_id } = await ann.say('Which tools are there?');
      await ann.ended(run_id);
      const names = llm.requests.at(-1)!.body.tools?.map(({ function: { name } }) => name) ?? [];
      llm.requests.length = 0;
      if (names.includes('calc_add') && names.includes('secretive_add')) return;
    }
  }

  async function ask(content: string, scripts: LlmScript[], more: object = {}) {
    llm.script(...scripts);
    const accepted = await ann.say(content, more);
    const end = await ann.ended(accepted.run_id);
    const events = ann.events.filter(({ run_id }) => run_id === accepted.run_id);
    return { ...accepted, end, events };
  }

  const of = <T extends DurableEvent['type']>(events: DurableEvent[], type: T) =>
    events.filter((event) => event.type === type) as Extract<DurableEvent, { type: T }>[];

  it('is who answers where no agent is named, streams, and tells usage and cost', async () => {
    const { end, run_id } = await ask('Hello', [says('Good day to you.')]);
    const usage = { input_tokens: 12, output_tokens: 7, cost: 0.00082 };
    expect(end).toMatchObject({ type: 'agent_completed', data: { content: 'Good day to you.', usage } });
    const deltas = ann.ephemeral('agent_delta').filter((sent) => sent.run_id === run_id);
    expect(deltas.map(({ text }) => text)).toEqual(['Good ', 'day ', 'to ', 'you.']);
    expect(await app.query('SELECT agent, usage FROM runs WHERE id = $1', [run_id])).toEqual([
      { agent: 'assistant', usage },
    ]);
  });

  it('remembers the conversation: whole turns, the newest first, within its budget of tokens', async () => {
    const { thread_id } = await ask('Old question', [says('Old answer')]);
    await ask('x'.repeat(12_000), [says('Long answer')], { thread_id });
    await ask('New question', [says('New answer')], { thread_id });
    await ask('And now?', [says('Now.')], { thread_id });
    const sent = llm.requests.at(-1)!.body.messages;
    expect(sent.map(({ role, content }) => `${role}: ${String(content)}`)).toEqual([
      expect.stringContaining('system: You are a helpful assistant.'),
      'user: New question',
      'assistant: New answer',
      'user: And now?',
    ]);
  });

  it('has prompt, model, tools and price of each agent from the settings', async () => {
    const { end } = await ask('Hello', [says('Arr')], { agent: 'pirate' });
    const { body } = llm.requests[0]!;
    expect(body).toMatchObject({ model: 'sea-model', messages: [{ content: 'Talk like a pirate.' }, {}] });
    expect(body.tools).toBeUndefined();
    expect(end.data).toMatchObject({ usage: { cost: 0.000007 } });
  });

  it('keeps what it wrote when the answer is cut off, and says so', async () => {
    const { end, run_id } = await ask('Tell me all', [says('It all began', { finish: 'length' })]);
    expect(end).toMatchObject({ type: 'agent_completed', data: { content: 'It all began' } });
    const notified = ann.of('notification').find((event) => event.run_id === run_id);
    expect(notified).toMatchObject({ data: { error: { code: 1006, reason: 'PROVIDER_ANSWER_TRUNCATED' } } });
  });

  it('leaves the question to another model when its own is away', async () => {
    const { end, events } = await ask('Hello', [fails(401), says('Arr')], { agent: 'weak' });
    expect(of(events, 'agent_fallback')).toMatchObject([{ data: { from: 'weak', to: 'pirate' } }]);
    expect(end).toMatchObject({ type: 'agent_completed', data: { content: 'Arr' } });
  });

  describe('with tools', () => {
    beforeEach(untilToolsAreThere);

    it('calls one of an MCP server, visibly, and answers with its result; usage is that of all steps', async () => {
      const plan: LlmScript[] = [calls({ name: 'calc_add', args: { a: 20, b: 22 } }), says('It is 42.')];
      const { end, events } = await ask('What is 20 + 22?', plan);
      expect(events.map(({ type }) => type).slice(2)).toEqual([
        'agent_started',
        'tool_executing',
        'tool_completed',
        'agent_completed',
      ]);
      expect(of(events, 'tool_executing')[0]?.data).toMatchObject({ tool: 'calc_add', arguments: { a: 20, b: 22 } });
      expect(of(events, 'tool_completed')[0]?.data).toMatchObject({ tool: 'calc_add', ok: true, summary: '42' });
      expect(end.data).toMatchObject({ content: 'It is 42.', usage: { input_tokens: 24, output_tokens: 14 } });
      expect(llm.requests.at(-1)!.body.messages.slice(-2)).toMatchObject([
        { role: 'assistant', tool_calls: [{ function: { name: 'calc_add', arguments: '{"a":20,"b":22}' } }] },
        { role: 'tool', content: '42' },
      ]);
      expect(mcp.authorizations).toContain(HEADER);
    });

    it('separates what it writes before and after its tools', async () => {
      const both = begunThen({ name: 'calc_add', args: { a: 1, b: 1 } });
      const { end } = await ask('1 + 1?', [both, says('Two.')]);
      expect(end.data).toMatchObject({ content: 'Let me see.\n\nTwo.' });
    });

    it('goes on after its last completed step when the provider fails: nothing is asked, called or written twice', async () => {
      const plan = [begunThen({ name: 'calc_count', args: {} }), breaksOff('It was '), says('It was once.')];
      const { end, events } = await ask('Count', plan, { agent: 'steady' });
      const [retrying] = of(events, 'agent_retrying');
      expect(retrying?.data).toMatchObject({
        keep_index: 'Let me see.'.length,
        error: { reason: 'PROVIDER_STREAM_BROKEN' },
      });
      const usage = { input_tokens: 12, output_tokens: 7 };
      expect(end).toMatchObject({ attempt: 2, data: { content: 'Let me see.\n\nIt was once.', usage } });
      expect(of(events, 'tool_completed')).toHaveLength(1);
      expect(llm.requests).toHaveLength(3);
      expect(llm.requests.at(-1)!.body.messages).toEqual(llm.requests.at(-2)!.body.messages);
    });

    it('hides from the user what the rule of a tool hides, not from the model', async () => {
      const plan = [calls({ name: 'secretive_add', args: { a: 1, b: 987_654 } }), says('Done.')];
      const { events } = await ask('Add', plan);
      expect(of(events, 'tool_executing')[0]?.data.arguments).toEqual({ a: 1, b: '[hidden]' });
      expect(of(events, 'tool_completed')[0]?.data.summary).toBe('6 characters');
      expect(llm.requests.at(-1)!.body.messages.at(-1)).toMatchObject({ role: 'tool', content: '987655' });
    });

    it('tells the model of calls that cannot be made or fail, shows the user, and goes on', async () => {
      const broken = [
        { name: 'calc_nope', args: {} },
        { name: 'calc_add', args: '{"a": ' },
        { name: 'calc_fail', args: {} },
      ];
      const { end, events } = await ask('Try', [calls(...broken), says('It does not work.')]);
      expect(end.data).toMatchObject({ content: 'It does not work.' });
      const told = llm.requests
        .at(-1)!
        .body.messages.slice(-3)
        .map(({ content }) => content);
      expect(told).toEqual([
        expect.stringMatching(/no such tool/),
        expect.stringMatching(/arguments/),
        'The disk is full.',
      ]);
      const failed = of(events, 'tool_completed');
      expect(failed).toMatchObject([
        { data: { tool: 'calc_fail', ok: false, error: { reason: 'AGENT_TOOL_FAILED' } } },
      ]);
      expect(of(events, 'agent_thinking')).toHaveLength(2);
      await app.recordOf(failed[0]!.data.error as ErrorBody);
    });

    it('shows how far a tool is', async () => {
      const plan = [calls({ name: 'calc_slow', args: { steps: 4, every_ms: 200 } }), says('Done.')];
      const { events } = await ask('Slowly', plan);
      const shown = of(events, 'agent_progress').map(({ data }) => data.message);
      expect(shown[0]).toBe('Step 1');
      expect(of(events, 'tool_completed')[0]?.data.ok).toBe(true);
    });

    it('says nothing of how far a tool is whose result is hidden', async () => {
      const plan = [calls({ name: 'secretive_slow', args: { steps: 2, every_ms: 200 } }), says('Done.')];
      const { events } = await ask('Slowly', plan);
      const shown = of(events, 'agent_progress').map(({ data }) => data.message);
      expect(new Set(shown)).toEqual(new Set(['secretive_slow']));
    });

    it('waits for a tool as long as its agent may', async () => {
      const plan = [calls({ name: 'calc_hang', args: {} }), says('It hangs.')];
      const { events } = await ask('Hang', plan, { agent: 'impatient' });
      expect(of(events, 'tool_completed')).toMatchObject([{ data: { error: { reason: 'TOOL_TIMEOUT' } } }]);
    });

    it('goes on without a tool that never answers', async () => {
      const { end, events } = await ask('Hang', [calls({ name: 'calc_hang', args: {} }), says('It hangs.')]);
      expect(end.data).toMatchObject({ content: 'It hangs.' });
      expect(of(events, 'tool_completed')[0]?.data.ok).toBe(false);
      expect(llm.requests.at(-1)!.body.messages.at(-1)?.content).toBe('No result within 2000 ms.');
    });

    it('keeps a result that is too long, lets the model read on in it, and removes it with its thread', async () => {
      let resultId = '';
      const readsOn: LlmScript = (response, request) => {
        const given = String(request.body.messages.at(-1)?.content);
        expect(given.length).toBeLessThanOrEqual(2_000);
        const [, id = '', offset = ''] = /result_id "([^"]+)" and offset (\d+)/.exec(given) ?? [];
        resultId = id;
        expect(given.startsWith('0123456789'.repeat(Number(offset) / 10))).toBe(true);
        return calls({ name: 'read_tool_result', args: { result_id: id, offset: Number(offset) } })(response, request);
      };
      const plan = [calls({ name: 'calc_huge', args: { characters: 3_000 } }), readsOn, says('Long.')];
      const { thread_id, end } = await ask('Much', plan);
      expect(end.data).toMatchObject({ content: 'Long.' });
      expect(String(llm.requests.at(-1)!.body.messages.at(-1)?.content)).toMatch(/0123456789\n\[The end\.\]$/);
      const kept = () => app.query('SELECT 1 FROM tool_results WHERE id = $1', [resultId]);
      expect(await kept()).toHaveLength(1);
      await ann.request('thread_delete', { thread_id });
      expect(await kept()).toHaveLength(0);
    });

    it("reads no other thread's results", async () => {
      const [foreign] = await app.query<{ id: string }>(
        `INSERT INTO tool_results (id, thread_id, run_id, tool, content) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 't', 'private') RETURNING id`,
      );
      const args = { result_id: foreign!.id, offset: 0 };
      await ask('Read', [calls({ name: 'read_tool_result', args }), says('No.')]);
      expect(llm.requests.at(-1)!.body.messages.at(-1)?.content).toBe('There is no such result.');
    });

    it('answers in its last step, in which it gets no tools', async () => {
      const plan = [calls({ name: 'calc_add', args: { a: 1, b: 1 } }), says('Two.')];
      const { end } = await ask('1 + 1?', plan, { agent: 'hasty' });
      expect(end.data).toMatchObject({ content: 'Two.' });
      const [first, last] = llm.requests;
      expect(first?.body.tools?.map(({ function: { name } }) => name)).toEqual(['read_tool_result', 'calc_add']);
      expect(last?.body.tools).toBeUndefined();
    });

    it('has failed when it only calls tools that it was not given any more', async () => {
      llm.otherwise = calls({ name: 'calc_add', args: { a: 1, b: 1 } });
      const { end } = await ask('1 + 1?', [], { agent: 'hasty' });
      expect(end).toMatchObject({ type: 'agent_failed', data: { error: { reason: 'PROVIDER_ANSWER_EMPTY' } } });
    });
  });

  it('waits for the first word as long as its agent may', async () => {
    llm.otherwise = stalls();
    const { end } = await ask('Hello', [], { agent: 'impatient' });
    expect(end).toMatchObject({ data: { error: { reason: 'AGENT_FIRST_OUTPUT_TIMEOUT' } } });
  });

  it.each<[string, LlmScript, string, string]>([
    ['bad credentials', fails(401), 'PROVIDER_CREDENTIALS', ''],
    ['a used-up quota', fails(429, { code: 'insufficient_quota' }), 'PROVIDER_QUOTA_EXHAUSTED', ''],
    ['a limit', fails(429, { headers: { 'retry-after': '7' } }), 'PROVIDER_RATE_LIMITED', ''],
    ['an outage', fails(503), 'PROVIDER_UNAVAILABLE', ''],
    ['a closed socket', hangsUp, 'PROVIDER_UNAVAILABLE', ''],
    ['an unknown model', fails(404), 'PROVIDER_MODEL_UNKNOWN', ''],
    ['too long a context', fails(400, { code: 'context_length_exceeded' }), 'PROVIDER_CONTEXT_TOO_LONG', ''],
    ['another refusal', fails(422), 'PROVIDER_REJECTED', ''],
    ['garbage', sends('<html>Bad gateway</html>'), 'PROVIDER_RESPONSE_INVALID', ''],
    ['half a stream', breaksOff('half '), 'PROVIDER_STREAM_BROKEN', 'half '],
    [
      'an error in mid-stream',
      sends(delta('half '), line({ error: { message: 'x' } })),
      'PROVIDER_UNAVAILABLE',
      'half ',
    ],
    ['silence', stalls(), 'PROVIDER_TIMEOUT', ''],
    ['an empty answer', says(''), 'PROVIDER_ANSWER_EMPTY', ''],
    ['a filtered answer', says('half', { finish: 'content_filter' }), 'PROVIDER_CONTENT_FILTERED', 'half'],
  ])('tells the user of %s by a code of its own', async (_name, script, reason, content) => {
    llm.otherwise = script;
    const { end } = await ask('Hello', []);
    expect(end).toMatchObject({ type: 'agent_failed', data: { content, error: { code: 1006, reason } } });
    const { error } = end.data as { error: ErrorBody };
    expect(error.user_notification.support_code).toBe(error.support_code);
    if (reason === 'PROVIDER_RATE_LIMITED') expect(error.retry_after_ms).toBe(7_000);
    await app.recordOf(error);
  });

  it('is measured by a probe of the provider; tools that are away degrade it', async () => {
    const report = async () => {
      const headers = { authorization: `Bearer ${await app.adminToken()}` };
      const response = await app.request('/health/components/provider', { headers });
      return (await response.json()) as Record<string, unknown>;
    };
    // The calls that failed above say something of it for some seconds.
    while ((await report())['reason'] !== 'MCP_SERVER_UNAVAILABLE')
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await report()).toMatchObject({
      status: 'degraded',
      reason: 'MCP_SERVER_UNAVAILABLE',
      error: 'Tools are away, of dead',
      details: { model: 'test-model', last_probe: { status: 200 }, mcp_servers: { calc: true, dead: false } },
    });
    expect((await app.request('/health/ready')).status).toBe(200);
  });

  it('lets no secret into logs, records or events', async () => {
    llm.otherwise = (response, request) => {
      const error = { message: `Incorrect API key provided: ${KEY}`, code: 'invalid_api_key' };
      expect(request.authorization).toBe(`Bearer ${KEY}`);
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    };
    const { end } = await ask('Hello', []);
    const record = await app.recordOf((end.data as { error: ErrorBody }).error);
    expect(record.root_cause).toContain('[redacted]');
    const everything = JSON.stringify([app.lines, ann.received, await app.query('SELECT * FROM error_records')]);
    expect(everything).not.toContain(KEY);
    expect(everything).not.toContain('mcp-secret');
  });
});

/** Says something, and calls a tool. */
function begunThen({ name, args }: { name: string; args: object }): LlmScript {
  const call = { index: 0, id: 'c1', function: { name, arguments: JSON.stringify(args) } };
  return sends(delta('Let me see.'), line({ choices: [{ delta: { tool_calls: [call] } }] }), delta('', 'tool_calls'));
}
