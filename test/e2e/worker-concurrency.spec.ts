import { ActiveRuns } from '../../src/agents/active-runs';
import { drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

const TOKENS = 10;
const SLOWLY = { tokens: TOKENS, per_second: 50 };
const WAITS = { tokens: TOKENS, per_second: 0, fail: { kind: 'hang', at_token: 2 } };

let app: ClarionApp;

afterEach(async () => {
  expect(app.closeClients()).toEqual([]);
  await app.dispose();
});

const start = async (workerConcurrency: number, env: Record<string, string> = {}) => {
  app = await ClarionApp.start({ env: { WORKER_CONCURRENCY: String(workerConcurrency), ...env } });
};

/** The most runs that the process has advanced at the same time, from now on. */
function watchActive(): () => number {
  const active = app.get(ActiveRuns);
  const begin = active.begin.bind(active);
  let most = 0;
  jest.spyOn(active, 'begin').mockImplementation((runId) => {
    const begun = begin(runId);
    most = Math.max(most, active.size);
    return begun;
  });
  return () => most;
}

/** A run each of as many users. */
async function ofUsers(count: number, request: object) {
  const clients = await Promise.all(Array.from({ length: count }, (_, at) => app.connect(`user-${at}`)));
  return Promise.all(clients.map(async (client) => ({ client, run_id: (await client.drill(request)).run_id })));
}

const count = async (where: string) => {
  const [row] = await app.query<{ count: number }>(`SELECT count(*) FROM runs WHERE ${where}`);
  return row!.count;
};

/** By what was written when: the most runs that were leased at one moment. */
const mostLeased = async () => {
  const [row] = await app.query<{ most: number }>(
    `WITH lease AS (
       SELECT (l->>'leased_at')::timestamptz AS since, (l->>'left_at')::timestamptz AS until FROM runs, jsonb_array_elements(leases) AS l)
     SELECT max((SELECT count(*) FROM lease o WHERE o.since <= lease.since AND o.until > lease.since)) AS most FROM lease`,
  );
  return Number(row!.most);
};

it('advances as many runs at the same time as WORKER_CONCURRENCY says and no more, and the rest after them', async () => {
  await start(3);
  const most = watchActive();
  const runs = await ofUsers(20, SLOWLY);
  for (const { client, run_id } of runs)
    expect(await client.ended(run_id)).toMatchObject({
      type: 'agent_completed',
      attempt: 1,
      data: { content: drillWords(TOKENS) },
    });
  expect(most()).toBe(3);
  expect(await mostLeased()).toBe(3);
});

it('keeps what it has no place for queued, without a lease, until a run has left its place', async () => {
  await start(2);
  const runs = await ofUsers(5, WAITS);
  const under = async () =>
    (await app.query<{ id: string }>(`SELECT id FROM runs WHERE status = 'running'`)).map(({ id }) => id);
  const left = new Set(runs.map(({ run_id }) => run_id));
  while (left.size > 0) {
    const places = Math.min(2, left.size);
    while ((await under()).length < places) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await count(`status = 'queued' AND fence = 0 AND started_at IS NULL`)).toBe(left.size - places);
    const [next] = await under();
    const { client, run_id } = runs.find((run) => run.run_id === next)!;
    await client.request('run_cancel', { run_id });
    expect(await client.ended(run_id)).toMatchObject({ type: 'agent_cancelled' });
    left.delete(run_id);
  }
});

it('has a place for others while a run waits for its user, or for its next attempt', async () => {
  // A second attempt that is not due before the test is over.
  await start(1, { RUN_RETRY_DELAY_MS: '600000', RUN_RETRY_MAX_DELAY_MS: '600000' });
  const most = watchActive();
  const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((user) => app.connect(user)));
  const asking = await ann!.drill({ tokens: TOKENS, per_second: 0, ask: { prompt: 'Who?', at_token: 5 } });
  const { data } = await ann!.until(() => ann!.of('input_required')[0]);
  const failing = await bob!.drill({ fail: { kind: 'provider', on_attempts: [1] } });
  await bob!.until(() => bob!.of('agent_retrying')[0]);
  const { run_id } = await eve!.drill(SLOWLY);
  expect(await eve!.ended(run_id)).toMatchObject({ type: 'agent_completed' });
  expect(await count(`status = 'waiting' AND worker_id IS NULL`)).toBe(2);
  await ann!.request('input_submit', { run_id: asking.run_id, input_id: data.input_id, value: 'Me' });
  expect(await ann!.ended(asking.run_id)).toMatchObject({ data: { content: drillWords(TOKENS) } });
  await bob!.request('run_cancel', { run_id: failing.run_id });
  expect(most()).toBe(1);
});
