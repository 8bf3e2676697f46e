import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ComponentReport, ErrorBody } from '@clarion/protocol';
import type { FailureStory, RunRecord } from '../../src/admin';
import { runDoctor } from '../../src/cli/doctor/run-doctor';
import { runLookup } from '../../src/cli/lookup/run-lookup';
import { ComponentError } from '../../src/errors';
import { RecordingFailureReporter } from '../../src/errors/recording-failure.reporter';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

const PROVIDER_FAILURE = { kind: 'provider', at_token: 3, on_attempts: [1] };

let app: ClarionApp;
let tokens: { admin: string; support: string; user: string };

beforeAll(async () => {
  app = await ClarionApp.start();
  const support = await app.token('sue', { scope: 'support' });
  tokens = { admin: await app.adminToken(), support, user: await app.token('alice') };
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

async function get<T>(path: string, token = tokens.admin): Promise<{ status: number; body: T }> {
  const response = await app.request(path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as T };
}

const runRecord = async (runId: string, token = tokens.admin) =>
  (await get<RunRecord>(`/admin/api/runs/${runId}`, token)).body;
const story = async (code: string, token = tokens.admin) =>
  (await get<FailureStory>(`/admin/api/errors/${code}`, token)).body;

async function printed(wanted: string, token = tokens.admin): Promise<string> {
  const lines: string[] = [];
  expect(await runLookup([wanted, '--url', app.url, '--token', token], (line) => lines.push(line))).toBe(0);
  return lines.join('\n');
}

/** A run whose first attempt fails and whose second completes, with two tools. */
async function twoAttempts(client: ChatClient): Promise<string> {
  const { run_id } = await client.drill({ tokens: 6, per_second: 0, tools: 2, fail: PROVIDER_FAILURE });
  await client.ended(run_id);
  return run_id;
}

describe('GET /admin/api/runs/<id>', () => {
  it('tells attempts with their workers, tools, phases, errors and events', async () => {
    const client = await app.connect('ann');
    const runId = await twoAttempts(client);
    const run = await runRecord(runId);
    expect(run).toMatchObject({ run_id: runId, user_id: 'ann', agent: 'drill', status: 'completed', attempt: 2 });
    expect(run.job_id).toMatch(new RegExp(`^${runId}-\\d+$`));
    expect(run.attempts.map(({ attempt, begun_by }) => [attempt, begun_by])).toEqual([
      [1, 'agent_started'],
      [2, 'agent_retrying'],
    ]);
    const [failed, completed] = run.attempts;
    expect(failed?.failure?.support_code).toBe(run.errors[0]?.support_code);
    expect(failed?.leases).toMatchObject([{ pid: process.pid, left_by: 'retry', first_output_ms: expect.any(Number) }]);
    expect(completed).toMatchObject({ failure: null, leases: [{ pid: process.pid, left_by: 'complete' }] });
    expect(run.tools.length).toBeGreaterThanOrEqual(2);
    expect(run.tools.every(({ ok, duration_ms }) => ok === true && duration_ms !== null)).toBe(true);
    const { created_at, leased_at, first_output_at, finished_at } = run.phases;
    const moments = [created_at, leased_at, first_output_at, finished_at];
    expect(moments).toEqual([...moments].sort());
    expect(moments).not.toContain(null);
    expect(run.events.map(({ type }) => type)).toEqual(
      client.events.filter(({ run_id }) => run_id === runId).map(({ type }) => type),
    );
    expect(run.missing).toEqual([]);
  });

  it('tells a run that waits for its turn, and one that was cancelled in it', async () => {
    const client = await app.connect('wes');
    const first = await client.drill({ tokens: 100, per_second: 1 });
    const second = await client.drill({ tokens: 1 }, { thread_id: first.thread_id });
    expect(await runRecord(second.run_id)).toMatchObject({
      status: 'queued',
      attempts: [],
      phases: { leased_at: null, first_output_at: null, finished_at: null, queued_ms: null },
    });
    await client.request('run_cancel', { run_id: second.run_id });
    await client.request('run_cancel', { run_id: first.run_id });
    expect(await runRecord(second.run_id)).toMatchObject({ status: 'cancelled', attempts: [], missing: [] });
    const cancelled = await runRecord(first.run_id);
    expect(cancelled.attempts[0]?.leases[0]).toMatchObject({ left_by: 'cancel' });
  });

  it.each(['0198c0de-0000-7000-8000-000000000000', 'x'])('answers RUN_NOT_FOUND to %s', async (id) => {
    const { status, body } = await get<ErrorBody>(`/admin/api/runs/${id}`);
    expect([status, body.reason]).toEqual([404, 'RUN_NOT_FOUND']);
  });
});

describe('GET /admin/api/errors/<SUPPORT_CODE>', () => {
  it('tells in which run it was, what health looked like, what the user was told, and that they received it', async () => {
    const client = await app.connect('bea', { device_id: 'phone', ack: 'manual', locale: 'en' });
    const { run_id } = await client.drill({
      tokens: 1,
      fail: { kind: 'throw', at_token: 0, on_attempts: [1, 2, 3, 4, 5] },
    });
    const end = await client.ended(run_id);
    const { support_code, user_notification } = (end.data as { error: ErrorBody }).error;
    const unread = await story(support_code);
    expect(unread).toMatchObject({
      user_id: 'bea',
      run_id,
      run: { run_id, status: 'failed' },
      alerts: [],
      missing: [],
    });
    expect(unread.health).toMatchObject({ status: expect.any(String), failed: expect.any(Array) });
    expect(unread.told).toMatchObject({ by: 'event', seen: false });
    expect(unread.told?.texts.user_friendly_message).toBe(user_notification.user_friendly_message);
    await client.request('events_ack', { cursor: end.id });
    const read = await story(support_code);
    expect(read.told?.seen).toBe(true);
    expect(read.told?.events).toMatchObject([{ seq: end.seq, devices: [{ device_id: 'phone', seen: true }] }]);
  });

  it('says of a failure that was an answer, or that concerned nobody, that no receipt is kept', async () => {
    const client = await app.connect('cat');
    const refused = await client.request('run_get', { run_id: '0198c0de-0000-7000-8000-000000000000' });
    expect(refused.ok).toBe(false);
    const [record] = await app.query<{ support_code: string }>(
      `SELECT support_code FROM error_records WHERE reason = 'RUN_NOT_FOUND' AND user_id = 'cat'`,
    );
    expect((await story(record?.support_code ?? '')).told).toMatchObject({ by: 'answer', seen: null, events: [] });
    const nobody = await app.get(RecordingFailureReporter).report(new Error('x'), { operation: 'test' });
    expect((await story(nobody.support_code)).told).toBeNull();
  });

  it('names the alerts that were open about its component when it happened', async () => {
    const failure = await app
      .get(RecordingFailureReporter)
      .report(ComponentError.agentSupervisor('AGENT_FAILED'), { operation: 'test', user_id: 'dan' });
    await app.query(
      `INSERT INTO alerts (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, flaps)
       VALUES (gen_random_uuid(), 'critical-failure', 'x', 'supervisor', 'critical', 'resolved', 'of then', '{}', now(), now(), 0),
         (gen_random_uuid(), 'critical-failure', 'y', 'supervisor', 'critical', 'resolved', 'of before', '{}', now() - interval '1 day', now() - interval '23 hours', 0),
         (gen_random_uuid(), 'critical-failure', 'z', 'auth', 'critical', 'resolved', 'of another', '{}', now(), now(), 0)`,
    );
    expect((await story(failure.support_code)).alerts.map(({ summary }) => summary)).toEqual(['of then']);
  });
});

describe('the scope support', () => {
  it('sees what happened, and nothing that is private; what it reads is on record', async () => {
    const client = await app.connect('eve');
    const runId = await twoAttempts(client);
    const [error] = (await runRecord(runId)).errors;
    const code = error?.support_code ?? '';
    const [whole, seen] = [await story(code), await story(code, tokens.support)];
    expect(whole.stack).not.toBeNull();
    expect(seen).toMatchObject({ redacted: true, stack: null, root_cause: null, private_details: {}, source: null });
    expect([seen.reason, seen.user_id, seen.told]).toEqual([whole.reason, whole.user_id, whole.told]);
    const run = await runRecord(runId, tokens.support);
    expect(run.tools.map(({ summary }) => summary)).toEqual(run.tools.map(() => null));
    const { body } = await get<{ errors: FailureStory[] }>(`/admin/api/errors?run_id=${runId}`, tokens.support);
    expect(body.errors.length).toBeGreaterThan(0);
    expect(body.errors.every(({ stack, root_cause }) => stack === null && root_cause === null)).toBe(true);
    const audit = await app.query(`SELECT action, subject FROM audit_log WHERE actor = 'sue' ORDER BY at, id`);
    const listed = { action: 'errors_listed', subject: expect.stringContaining(runId) };
    expect(audit).toEqual([{ action: 'error_read', subject: code }, { action: 'run_read', subject: runId }, listed]);
  });

  it.each(['/admin/api/statistics', '/admin/api/tasks', '/admin/api/alerts', '/admin/queues'])(
    'does not reach %s',
    async (path) => expect((await get(path, tokens.support)).status).toBe(403),
  );

  it('is not what a user has', async () => {
    expect((await get('/admin/api/errors', tokens.user)).status).toBe(403);
  });
});

describe('npm run lookup', () => {
  it('prints a run and a failure for people, each leading to the other', async () => {
    const client = await app.connect('fay');
    const runId = await twoAttempts(client);
    const { errors } = await runRecord(runId);
    const code = errors[0]?.support_code ?? '';
    const run = await printed(runId.toUpperCase());
    expect(run).toContain(`Run ${runId}: completed`);
    expect(run).toMatch(/Attempts\n.*1 {2}agent_started/s);
    expect(run).toContain(code);
    const failure = await printed(code.toLowerCase());
    expect(failure).toContain(`npm run lookup -- ${runId}`);
    expect(failure).toMatch(/What the user was told\n.*by an event/s);
    expect(failure).toContain('Stack');
    expect(await printed(code, tokens.support)).not.toContain('Stack');
  });

  it('prints the steps, tools, attempts and timings of a run as its record has them', async () => {
    const client = await app.connect('gus');
    const asked = { tokens: 6, words_per_step: 3, per_second: 0, tools: 2 };
    const { run_id } = await client.drill({ ...asked, fail: { ...PROVIDER_FAILURE, at_token: 4 } });
    await client.ended(run_id);
    const run = await runRecord(run_id);
    const lines = (await printed(run_id)).split('\n');
    /** One of the lines holds all of these. */
    const line = (...parts: (string | null | undefined)[]) =>
      expect([parts, lines.some((text) => parts.every((part) => text.includes(part ?? '?')))]).toEqual([parts, true]);
    const steps = run.steps.map(({ key, attempt, state }) => [key.split(':').at(-1), attempt, state]);
    expect(steps.slice(-2)).toEqual([
      ['words-0', 1, 'completed'],
      ['words-3', 2, 'completed'],
    ]);
    for (const { started_at, key, attempt, state } of run.steps) line(started_at, key, `attempt ${attempt}`, state);
    expect(run.tools).toHaveLength(2);
    for (const tool of run.tools) line(tool.started_at, 'drill_tool', 'attempt 1', `ok in ${tool.duration_ms} ms`);
    const { failure, begun_at, leases } = run.attempts[0]!;
    line('1  agent_started', begun_at);
    line(`worker ${leases[0]!.worker_id}`, `first output after ${leases[0]!.first_output_ms} ms`, 'by retry');
    line('failed: AGENT_PROVIDER_FAILED', failure?.support_code);
    line('2  agent_retrying', run.attempts[1]!.begun_at, `due after ${run.attempts[1]!.delay_ms} ms`);
    line('leased', run.phases.leased_at, `after ${run.phases.queued_ms} ms`);
    line('first output', run.phases.first_output_at, `${run.phases.first_output_ms} ms after the lease`);
    line('ended', run.phases.finished_at, 'in all');
  });

  it('shows what a terminal would obey, instead of sending it there', async () => {
    const error = new Error('\u001b[2J gone');
    const { support_code } = await app.get(RecordingFailureReporter).report(error, { operation: 'test' });
    const text = await printed(support_code);
    expect(text).toContain('\\u001b[2J gone');
    expect(text).not.toContain('\u001b');
  });

  it.each([
    ['an unknown code', ['AGENT_FAILED_AAAAAAAA'], 'No failure has the support code'],
    ['an unknown run', ['0198c0de-0000-7000-8000-000000000000'], 'There is no run'],
    ['nothing to look up', [], 'Usage'],
  ])('says in a sentence what is wrong with %s', async (_, args, sentence) => {
    const command = runLookup([...args, '--url', app.url, '--token', tokens.admin], () => undefined);
    await expect(command).rejects.toThrow(sentence);
  });

  it('says so when the token may not, and when nothing answers', async () => {
    const print = () => undefined;
    const forbidden = runLookup(['X_AAAAAAAA', '--url', app.url, '--token', tokens.user], print);
    await expect(forbidden).rejects.toThrow('neither the scope admin nor support');
    const nowhere = runLookup(['X_AAAAAAAA', '--url', 'http://127.0.0.1:1', '--token', 'x'], print);
    await expect(nowhere).rejects.toThrow('Nothing answers at http://127.0.0.1:1');
  });
});

describe('npm run doctor', () => {
  it('prints every component, and exits by whether one has failed', async () => {
    const lines: string[] = [];
    const code = await runDoctor(['--url', app.url, '--token', tokens.admin], (line) => lines.push(line));
    const { body } = await get<ComponentReport>('/health/components');
    expect(code).toBe(body.failed_components.length === 0 ? 0 : 1);
    for (const name of Object.keys(body.component_details))
      expect(lines.join('\n')).toMatch(new RegExp(`^${name} +`, 'm'));
  });

  it('tells what to do about what has failed, and exits 1', async () => {
    const failed = {
      ...{ status: 'failed', error_code: 1005, reason: 'DATABASE_UNAVAILABLE', suggestion: 'check that it runs' },
    };
    const server = createServer((_request, response) => {
      const report = {
        summary: 'failed: database',
        failed_components: ['database'],
        component_details: { database: failed },
      };
      response.end(JSON.stringify(report));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const lines: string[] = [];
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      expect(await runDoctor(['--url', url, '--token', 'x'], (line) => lines.push(line))).toBe(1);
      expect(lines.join('\n')).toMatch(/database +failed\n +check that it runs\n +1005 DATABASE_UNAVAILABLE/);
    } finally {
      server.close();
    }
  });

  it('says what to do when nothing answers', async () => {
    const doctor = runDoctor(['--url', 'http://127.0.0.1:1'], () => undefined);
    await expect(doctor).rejects.toThrow(/Nothing answers at http:\/\/127\.0\.0\.1:1[^]*Start it by `npm start`/);
  });
});
