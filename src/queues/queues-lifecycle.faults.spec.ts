import { randomUUID } from 'node:crypto';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import type { RunExecutor, Supervisor } from '../agents';
import { Database } from '../persistence';
import { BullRunQueue } from './bull-run-queue';
import { migrateQueues, PostgresQueues } from './postgres-queues';
import { QueuesLifecycle } from './queues-lifecycle.service';
import { createHost, onlyRuns, succeeds, until } from './queues.fixture';

let postgres: TestDatabase;
let proxy: TcpProxy;
let database: Database;

beforeEach(async () => {
  postgres = await createTestDatabase();
  proxy = await TcpProxy.before(postgres.url);
  database = new Database({ poolSize: 2, connectTimeoutMs: 500, statementTimeoutMs: 500 });
});

afterEach(async () => {
  await database.close();
  await proxy.close();
  await postgres.drop();
});

/** The room on a database behind the proxy; `log` says what happened in which order. */
function createRoom(migrate = true) {
  const backend = new PostgresQueues({ url: () => proxy.through(postgres.url), migrate });
  const created = createHost(backend);
  const log: string[] = [];
  const supervisor = { start: async () => void log.push('supervisor') } as Supervisor;
  const executor = { execute: async (runId: string) => void log.push(runId) } as RunExecutor;
  const lifecycle = new QueuesLifecycle(
    database,
    backend,
    supervisor,
    created.host,
    onlyRuns(executor, database),
    created.reporter,
  );
  return { ...created, lifecycle, log, runs: new BullRunQueue(created.host, backend) };
}

function databaseIsUp(): void {
  database.connect(proxy.through(postgres.url));
  database.markOpened();
}

const run = () => ({ run_id: randomUUID(), dispatch: 1 });

async function refusal(work: Promise<unknown>): Promise<{ reason: string; ms: number }> {
  const began = performance.now();
  const [outcome] = await Promise.allSettled([work]);
  const reason = outcome.status === 'rejected' ? (outcome.reason as { reason: string }).reason : 'none';
  return { reason, ms: performance.now() - began };
}

describe('the start of the queues', () => {
  it('lets the supervisor start before the first job', async () => {
    databaseIsUp();
    const { lifecycle, runs, log } = createRoom();
    await lifecycle.start();
    const job = run();
    await runs.enqueue([job]);
    await until(() => log.length === 2);
    expect(log).toEqual(['supervisor', job.run_id]);
    await lifecycle.close();
  });

  it('waits for a database that is away, refusing meanwhile, and opens when it comes', async () => {
    const { lifecycle, runs, log, host, reporter } = createRoom();
    await lifecycle.start();
    expect((await refusal(runs.enqueue([run()]))).reason).toBe('QUEUE_UNAVAILABLE');
    expect(host.isOpen).toBe(false);
    databaseIsUp();
    await until(() => host.isOpen);
    await runs.enqueue([run()]);
    await until(() => log.length === 2);
    expect(reporter.reported).toEqual([]);
    await lifecycle.close();
  });

  it('is repeated when the database goes away in the middle of it', async () => {
    databaseIsUp();
    proxy.refuse();
    const { lifecycle, host, reporter } = createRoom();
    await lifecycle.start();
    expect(host.isOpen).toBe(false);
    expect(reporter.reported[0]).toMatchObject({ reason: 'QUEUE_UNAVAILABLE', operation: 'queues.open' });
    proxy.heal();
    await until(() => host.isOpen);
    await lifecycle.close();
  });

  it('is refused where the schema is not migrated and may not be', async () => {
    databaseIsUp();
    const { lifecycle, host } = createRoom(false);
    const empty = await createEmptyDatabase();
    const unmigrated = createHost(new PostgresQueues({ url: () => empty.url, migrate: false })).host;
    await expect(unmigrated.open({})).rejects.toMatchObject({
      reason: 'DATABASE_SCHEMA_OUTDATED',
    });
    await empty.drop();
    await migrateQueues(postgres.url);
    await lifecycle.start();
    expect(host.isOpen).toBe(true);
    await lifecycle.close();
  });
});

describe('an outage of the database', () => {
  it.each(['refuse', 'hang'] as const)(
    '(%s) refuses wake-ups within two seconds, is told of once, and heals by itself',
    async (fault) => {
      databaseIsUp();
      const { lifecycle, runs, log, reporter } = createRoom();
      await lifecycle.start();
      proxy[fault]();
      const refused = await refusal(runs.enqueue([run()]));
      expect(refused.reason).toBe('QUEUE_UNAVAILABLE');
      expect(refused.ms).toBeLessThan(2_000);
      await until(() => reporter.reported.length > 0, 15_000);
      proxy.heal();
      await until(() => succeeds(runs.enqueue([run()])));
      await until(() => log.length > 1, 10_000);
      expect(reporter.reported.map(({ operation, reason }) => [operation, reason])).toEqual([
        ['queues.watch', 'QUEUE_UNAVAILABLE'],
      ]);
      await lifecycle.close();
    },
  );

  it('is not answered by asking without a pause', async () => {
    databaseIsUp();
    const { lifecycle, host, reporter } = createRoom();
    await lifecycle.start();
    const errors = jest.spyOn(host as unknown as { note(error: unknown): void }, 'note');
    proxy.refuse();
    const began = performance.now();
    await until(() => reporter.reported.length > 0);
    const seconds = (performance.now() - began) / 1000;
    expect(errors.mock.calls.length).toBeGreaterThan(0);
    // Without a pause it is thousands in each second.
    expect(errors.mock.calls.length).toBeLessThan(50 * (1 + seconds));
    await lifecycle.close();
  });

  it('does not keep the queues from closing', async () => {
    databaseIsUp();
    const { lifecycle } = createRoom();
    await lifecycle.start();
    proxy.hang();
    await lifecycle.stopTaking();
    const began = performance.now();
    await lifecycle.close();
    expect(performance.now() - began).toBeLessThan(8_000);
  });
});
