import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { redisIsHere, RedisServer } from '../../test/support/redis-server';
import type { RunExecutor, Supervisor } from '../agents';
import { Database } from '../persistence';
import { RedisConnections } from '../redis';
import { BullRunQueue } from './bull-run-queue';
import { QueuesLifecycle } from './queues-lifecycle.service';
import { QueuesIndicator } from './queues.indicator';
import { createHost, onlyRuns, succeeds, until } from './queues.fixture';
import { RedisQueues } from './redis-queues';

const run = () => ({ run_id: randomUUID(), dispatch: 1 });

(redisIsHere() ? describe : describe.skip)('an outage of Redis', () => {
  let postgres: TestDatabase;
  let database: Database;
  let server: RedisServer;
  let redis: RedisConnections;
  let probing: NodeJS.Timeout;

  beforeEach(async () => {
    postgres = await createTestDatabase();
    database = new Database({ poolSize: 2, connectTimeoutMs: 500, statementTimeoutMs: 500 });
    database.connect(postgres.url);
    database.markOpened();
    server = await RedisServer.start();
    redis = new RedisConnections({ url: server.url, commandTimeoutMs: 300 });
    probing = setInterval(() => void redis.check(), 300);
  });

  afterEach(async () => {
    clearInterval(probing);
    redis.close();
    await server.kill();
    await database.close();
    await postgres.drop();
  });

  /** The room on a real database and Redis; `log` says which runs were worked on. */
  async function startRoom() {
    const backend = new RedisQueues(redis);
    const created = createHost(backend);
    const log: string[] = [];
    const supervisor = { start: async () => undefined } as Supervisor;
    const executor = { execute: async (runId: string) => void log.push(runId) } as RunExecutor;
    const processors = onlyRuns(executor, database);
    const lifecycle = new QueuesLifecycle(database, backend, supervisor, created.host, processors, created.reporter);
    await redis.open();
    await lifecycle.start();
    const queue = new BullRunQueue(created.host, backend);
    const indicator = new QueuesIndicator(created.host, backend, database, created.metrics);
    return { ...created, lifecycle, log, runs: queue, indicator };
  }

  async function refusedWithin(ms: number, work: Promise<unknown>): Promise<void> {
    const began = performance.now();
    await expect(work).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
    expect(performance.now() - began).toBeLessThan(ms);
  }

  it('at the start refuses wake-ups, is waited out, and the queues open when it is over', async () => {
    await server.kill();
    const { lifecycle, host, runs, log, indicator } = await startRoom();
    expect(host.isOpen).toBe(false);
    expect(runs.open).toBe(true);
    expect(await indicator.check(AbortSignal.timeout(800))).toMatchObject({
      status: 'degraded',
      problem: 'The queues cannot be reached',
    });
    await refusedWithin(500, runs.enqueue([run()]));
    await server.restart();
    await until(() => host.isOpen);
    await runs.enqueue([run()]);
    await until(() => log.length === 1);
    await lifecycle.close();
  });

  it('that takes all data refuses wake-ups at once, and is over for workers within five seconds of the return', async () => {
    const { lifecycle, runs, log, reporter } = await startRoom();
    await runs.enqueue([run()]);
    await until(() => log.length === 1);
    await server.kill();
    await until(() => !redis.ready);
    await refusedWithin(500, runs.enqueue([run()]));
    await server.restart();
    const returnedAt = performance.now();
    await until(() => succeeds(runs.enqueue([run()])));
    await until(() => log.length >= 2);
    expect(performance.now() - returnedAt).toBeLessThan(5_000);
    expect(reporter.reported.length).toBeLessThanOrEqual(1);
    await lifecycle.close();
  });

  it('in which it is frozen refuses wake-ups within two seconds, and forgets none that it took', async () => {
    const { lifecycle, runs, log } = await startRoom();
    server.freeze();
    await refusedWithin(2_000, runs.enqueue([run()]));
    await until(() => !redis.ready);
    server.thaw();
    const thawedAt = performance.now();
    const job = run();
    await until(() => succeeds(runs.enqueue([job])));
    await until(() => log.includes(job.run_id));
    expect(performance.now() - thawedAt).toBeLessThan(5_000);
    await lifecycle.close();
  });

  it.each(['kill', 'freeze'] as const)('(%s) does not keep the queues from closing', async (fault) => {
    const { lifecycle } = await startRoom();
    await server[fault]();
    await lifecycle.stopTaking();
    const began = performance.now();
    await lifecycle.close();
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('that took the jobs of waiting runs shows them as lost', async () => {
    const { lifecycle, host, runs } = await startRoom();
    const job = run();
    await host.stopTaking();
    await runs.enqueue([job]);
    expect(await runs.pending([job])).toEqual(new Set([job.run_id]));
    await server.kill();
    await server.restart();
    await until(() => redis.ready);
    await until(async () => (await succeeds(runs.pending([job]))) && (await runs.pending([job])).size === 0);
    await lifecycle.close();
  });
});
