import { randomUUID } from 'node:crypto';
import { ActiveRuns, type RunStop } from '../../src/agents/active-runs';
import { RedisConnections } from '../../src/redis';
import { ClarionApp } from '../support/clarion-app';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { redisIsHere, RedisServer } from '../support/redis-server';

/** An agent that is silent: nothing that it writes would tell its worker. */
const IN_A_TOOL = { tools: 1, fail: { kind: 'hang', phase: 'tool' } };
const HEALED_MS = 5_000;

(redisIsHere() ? describe : describe.skip)('a run that is ended on another node than advances it', () => {
  let redis: RedisServer;
  let database: TestDatabase;
  let gateway: ClarionApp;
  let worker: ClarionApp;
  let stop: jest.SpiedFunction<ActiveRuns['stop']>;

  beforeAll(async () => {
    [redis, database] = await Promise.all([RedisServer.start(), createTestDatabase()]);
    const start = (ROLE: string) => ClarionApp.start({ database, env: { REDIS_URL: redis.url, ROLE } });
    [gateway, worker] = [await start('gateway'), await start('worker')];
    stop = jest.spyOn(worker.get(ActiveRuns), 'stop');
  });

  afterEach(() => expect(gateway.closeClients()).toEqual([]));

  afterAll(async () => {
    for (const node of [gateway, worker]) await node.dispose();
    await database.drop();
    await redis.kill();
  });

  const advances = (runId: string) => worker.get(ActiveRuns).ids().includes(runId);

  /** Looks every few milliseconds, for nobody tells of it. @returns how its worker came to know; the comparison finds a lost lease */
  async function stopped(run_id: string): Promise<RunStop['kind'] | undefined> {
    const started = performance.now();
    while (advances(run_id)) {
      if (performance.now() - started > HEALED_MS) throw new Error(`${run_id} is advanced after its end`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log(`stopped ${Math.round(performance.now() - started)} ms after the answer`);
    return stop.mock.calls.find(([id]) => id === run_id)?.[1];
  }

  /** Redis knows who listens. */
  async function listening(): Promise<void> {
    const ask = () => worker.get(RedisConnections).command((server) => server.pubsub('SHARDCHANNELS', '*:worker:*'));
    for (let heard: unknown[] = []; heard.length === 0; await new Promise((resolve) => setTimeout(resolve, 20)))
      [heard = []] = (await Promise.allSettled([ask()])).map((answer) =>
        answer.status === 'fulfilled' ? answer.value : [],
      );
  }

  async function hanging(user = `user-${randomUUID()}`) {
    const client = await gateway.connect(user);
    const { run_id, thread_id } = await client.drill(IN_A_TOOL);
    await client.until(() => client.of('tool_executing')[0]);
    expect(advances(run_id)).toBe(true);
    return { user, client, run_id, thread_id };
  }

  const erase = async (user: string) => {
    const headers = { authorization: `Bearer ${await gateway.adminToken()}` };
    return gateway.request(`/admin/api/users/${user}`, { method: 'DELETE', headers });
  };

  it.each<[string, (run: Awaited<ReturnType<typeof hanging>>) => Promise<{ ok: boolean }>]>([
    ['run_cancel', ({ client, run_id }) => client.request('run_cancel', { run_id })],
    ['thread_delete', ({ client, thread_id }) => client.request('thread_delete', { thread_id })],
    [
      'an interrupting message',
      ({ client, thread_id }) => client.drill({ tokens: 1 }, { thread_id, overlap: 'interrupt' }),
    ],
    ['user erasure', ({ user }) => erase(user)],
  ])('is stopped there at once by %s', async (_name, end) => {
    const run = await hanging();
    expect(await end(run)).toMatchObject({ ok: true });
    expect(await stopped(run.run_id)).toBe('ended_elsewhere');
  });

  it('is stopped by the comparison with the database when the word is lost with Redis', async () => {
    const { client, run_id } = await hanging();
    await redis.kill();
    try {
      expect(await client.request('run_cancel', { run_id })).toMatchObject({ ok: true, status: 'cancelled' });
      expect(await stopped(run_id)).toBe('lease_lost');
    } finally {
      await redis.restart();
    }
  });

  it('is stopped at once again after the return of Redis', async () => {
    await listening();
    const { client, run_id } = await hanging();
    await client.request('run_cancel', { run_id });
    expect(await stopped(run_id)).toBe('ended_elsewhere');
  });
});
