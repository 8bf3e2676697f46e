import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { MetricsRegistry } from '../../src/telemetry';
import { ClarionApp } from '../support/clarion-app';
import { LlmServer, says } from '../support/llm-server';

type Metric = MetricObjectWithValues<MetricValue<string>>;

const USER = 'ann-with-a-name-to-find';
const MOST_SERIES = 200;

/** Every metric of ours that a process without Redis has, and labels that have to have been seen by the end of this spec. */
const SEEN: Readonly<Record<string, Record<string, string>>> = {
  clarion_connections: {},
  clarion_handshake_duration_seconds_count: { outcome: 'admitted' },
  clarion_handshake_failures_total: { reason: 'AUTH_TOKEN_MALFORMED' },
  clarion_disconnects_total: { reason: 'client_disconnect' },
  clarion_events_sent_total: { type: 'agent_completed' },
  clarion_ack_duration_seconds_count: { event: 'chat_message', outcome: 'ok' },
  clarion_mailbox_lag_events: {},
  clarion_mailbox_lagging_connections: {},
  clarion_runs: { state: 'queued' },
  clarion_runs_active: {},
  clarion_runs_ended_total: { status: 'completed' },
  clarion_run_phase_duration_seconds_count: { phase: 'first_output' },
  clarion_provider_first_chunk_seconds_count: { model: 'test-model' },
  clarion_provider_request_duration_seconds_count: { model: 'test-model', outcome: 'completed' },
  clarion_provider_tokens_total: { model: 'test-model', type: 'input' },
  clarion_queue_depth: { queue: 'agent-runs', state: 'waiting' },
  clarion_queue_oldest_job_age_seconds: { queue: 'agent-runs' },
  clarion_queue_jobs_total: { queue: 'agent-runs', outcome: 'completed' },
  clarion_task_attempts_total: { outcome: 'succeeded' },
  clarion_failures_total: { reason: 'AUTH_TOKEN_MALFORMED', component: 'Authentication' },
  clarion_component_health: { component: 'database', status: 'healthy' },
  nodejs_eventloop_lag_seconds: {},
};

describe('/metrics of a process that has worked', () => {
  let llm: LlmServer;
  let app: ClarionApp;
  let text: string;
  let metrics: Metric[];

  beforeAll(async () => {
    llm = await LlmServer.start();
    app = await ClarionApp.start({
      env: { LLM_BASE_URL: llm.baseUrl, LLM_MODEL: 'test-model', HEALTH_REFRESH_MS: '100' },
    });
    await work();
    await untilSampled();
    metrics = await app.get(MetricsRegistry).getMetricsAsJSON();
  });

  afterAll(async () => {
    await app.dispose();
    await llm.close();
  });

  async function work(): Promise<void> {
    await app.refusal({ token: 'not a token' });
    llm.script(says('An answer.'));
    const ann = await app.connect(USER);
    const { run_id } = await ann.say('Question at https://secret.example/path');
    await ann.ended(run_id);
    await ann.raw('no_such_event', {});
    ann.close();
  }

  /** What is looked at now and then has been looked at. */
  async function untilSampled(): Promise<void> {
    const deadline = performance.now() + 20_000;
    const missing = () => Object.entries(SEEN).filter(([name, labels]) => !shows(text, name, labels));
    do text = await scrape();
    while (missing().length > 0 && performance.now() < deadline && (await pause()));
    expect(missing()).toEqual([]);
  }

  async function scrape(): Promise<string> {
    const response = await app.request('/metrics', {
      headers: { authorization: `Bearer ${await app.adminToken()}` },
    });
    expect(response.status).toBe(200);
    return response.text();
  }

  const own = (): Metric[] => metrics.filter(({ name }) => name.startsWith('clarion_'));

  it('have names as Prometheus wants them: base units, and `_total` for what only grows', () => {
    for (const { name, type, help } of own()) {
      expect(name).toMatch(/^clarion_[a-z]+(?:_[a-z]+)*$/);
      expect(help).toMatch(/\.$/);
      expect([name, name.endsWith('_total')]).toEqual([name, String(type) === 'counter']);
      if (String(type) === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_(?:ms|milliseconds|minutes)$/);
    }
  });

  it('have labels of a bounded number of values: no users, ids, addresses or texts', () => {
    const labels = metrics.flatMap(({ values }) => values.flatMap((value) => Object.entries(value.labels)));
    expect(new Set(labels.map(([name]) => name))).not.toContain('user_id');
    for (const [, value] of labels) {
      expect(String(value)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}|:\/\/|@|\s/);
      expect(String(value).length).toBeLessThanOrEqual(64);
    }
    expect(text).not.toContain(USER);
    for (const { name, values } of metrics) expect([name, values.length < MOST_SERIES]).toEqual([name, true]);
  });

  it('count an event that the protocol does not know under one name', () => {
    expect(shows(text, 'clarion_ack_duration_seconds_count', { event: 'unknown', outcome: 'failed' })).toBe(true);
    expect(text).not.toContain('no_such_event');
  });

  it('are listed in docs/OPERATIONS.md, each with its help', () => {
    const document = readFileSync(join(__dirname, '..', '..', 'docs', 'OPERATIONS.md'), 'utf8');
    const rows = [...document.matchAll(/^\| `(clarion_\w+)` *\| (\w+) *\| (.*?) *\| (.*?) *\|$/gm)];
    const documented = rows.map(([, name, type, labels, help]) => ({ name, type, labels, help }));
    expect(documented.filter(({ name }) => !name?.startsWith('clarion_redis_'))).toEqual(
      own()
        .map((metric) => ({ ...describeMetric(metric), help: metric.help }))
        .sort((a, b) => a.name.localeCompare(b.name)),
    );
  });

  function describeMetric({ name, type }: Metric): { name: string; type: string; labels: string } {
    const { labelNames = [] } = app.get(MetricsRegistry).getSingleMetric(name) as unknown as { labelNames?: string[] };
    return { name, type: String(type), labels: labelNames.map((label) => `\`${label}\``).join(', ') };
  }
});

/** Whether a series of that name has at least these labels. */
function shows(text: string, name: string, labels: Record<string, string>): boolean {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .some((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)));
}

function pause(): Promise<true> {
  return new Promise((resolve) => setTimeout(() => resolve(true), 100));
}
