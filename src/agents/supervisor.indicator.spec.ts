import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import type { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { MetricsRegistry } from '../telemetry';
import { MailboxStore } from '../mailbox';
import { InProcessBus } from '../mailbox/in-process-bus';
import { ActiveRuns } from './active-runs';
import type { AgentRegistry } from './agent-registry';
import { DispatchCanary } from './dispatch-canary.service';
import { LeaseBatch } from './lease-batch.service';
import { RunDatabase } from './run-database.service';
import { RunInputs } from './run-inputs.store';
import { RunMetrics } from './run-metrics';
import { RunStore } from './run.store';
import { SupervisorIndicator } from './supervisor.indicator';
import { Workers } from './workers.service';

const config = loadConfig({});
const agents = { names: () => ['guide', 'drill'] } as AgentRegistry;
const reporter = { report: () => Promise.reject(new Error('nothing is reported here')) } as unknown as FailureReporter;

describe('the health of the supervisor', () => {
  let test: TestDatabase;
  let database: Database;
  let workers: Workers;
  let active: ActiveRuns;
  let indicator: SupervisorIndicator;

  beforeAll(async () => {
    test = await createTestDatabase();
  });

  afterAll(() => test.drop());

  beforeEach(() => {
    database = new Database(config.persistence);
    workers = new Workers(database, config, reporter);
    active = new ActiveRuns();
    indicator = new SupervisorIndicator(workers, active, agents, database, config, canary());
    database.connect(test.url);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await workers.stop();
    await database.close();
  });

  function canary(): DispatchCanary {
    const mailbox = new MailboxStore(database, new InProcessBus(reporter));
    const metrics = new RunMetrics(new MetricsRegistry(), active);
    const leases = new LeaseBatch(mailbox, workers, metrics);
    const runs = new RunStore(database, active, new RunInputs(database), metrics, new RunDatabase(database, config));
    return new DispatchCanary(database, leases, runs);
  }

  it('suffers in a gateway as long as no process runs agents', async () => {
    database.markOpened();
    const shared = { ROLE: 'gateway', DATABASE_URL: test.url, REDIS_URL: 'redis://localhost' };
    const issuer = { AUTH_JWT_SECRET: 'x'.repeat(32), AUTH_JWT_ISSUER: 'issuer', AUTH_JWT_AUDIENCE: 'clarion' };
    const role = loadConfig({ ...shared, ...issuer });
    const gateway = new Workers(database, role, reporter);
    const own = new SupervisorIndicator(gateway, active, agents, database, role, canary());
    await gateway.start();
    expect(await own.check(AbortSignal.timeout(5_000))).toMatchObject({
      status: 'degraded',
      problem: 'No process runs agents',
      cause: { reason: 'NO_WORKERS', definition: { code: 1008 } },
    });
    await workers.start();
    expect(await own.check(AbortSignal.timeout(5_000))).toMatchObject({ status: 'healthy', details: { workers: 1 } });
    await gateway.stop();
  });

  it('is good while this process shows its sign of life', async () => {
    database.markOpened();
    await workers.start();
    active.begin('run');
    expect(await indicator.check(AbortSignal.timeout(5_000))).toMatchObject({
      status: 'healthy',
      details: { worker_id: workers.id, active_runs: 1, run_limit: 200, agents: ['guide', 'drill'] },
    });
  });

  it('dispatches an agent each time, and leaves nothing of it', async () => {
    database.markOpened();
    await workers.start();
    const lives = jest.spyOn(RunStore.prototype, 'end');
    for (let check = 1; check <= 3; check += 1) {
      const found = await indicator.check(AbortSignal.timeout(5_000));
      expect(found).toMatchObject({ status: 'healthy', details: { dispatch_ms: expect.any(Number) } });
      expect(lives).toHaveBeenCalledTimes(check);
    }
    expect(lives.mock.calls[0]).toMatchObject([
      {},
      [{ run: { status: 'running', attempt: 1, fence: 1 }, outcome: { content: 'health check' } }],
    ]);
    for (const table of ['threads', 'messages', 'runs', 'mailboxes', 'mailbox_events'])
      expect(await database.query(`SELECT 1 FROM ${table}`)).toEqual([]);
  });

  it.each([
    [
      'a run cannot be stored',
      'ALTER TABLE runs RENAME TO gone',
      'Runs cannot be advanced',
      'DATABASE_SCHEMA_OUTDATED',
    ],
    [
      'no lease is to be had',
      'ALTER TABLE runs ALTER attempt SET DEFAULT 99',
      'An agent could not be dispatched',
      'AGENT_OUTPUT_INVALID',
    ],
  ])('is bad when %s', async (_what, breaking, problem, reason) => {
    database.markOpened();
    await workers.start();
    await database.query(breaking);
    expect(await indicator.check(AbortSignal.timeout(5_000))).toMatchObject({
      status: 'failed',
      problem,
      cause: { reason },
    });
    await database.query(
      breaking.includes('RENAME') ? 'ALTER TABLE gone RENAME TO runs' : 'ALTER TABLE runs ALTER attempt SET DEFAULT 0',
    );
  });

  it('names the database where that keeps it waiting', async () => {
    database.markOpened();
    await workers.start();
    expect(indicator.unanswered()).toMatchObject({
      suggestion: 'see the component database',
      cause: { reason: 'DATABASE_TIMEOUT' },
    });
  });

  it('waits for a heartbeat that is being written', async () => {
    database.markOpened();
    const checking = indicator.check(AbortSignal.timeout(5_000));
    await workers.start();
    expect((await checking).status).toBe('healthy');
  });

  it('is bad without a heartbeat', async () => {
    database.markOpened();
    expect(await indicator.check(AbortSignal.timeout(60))).toMatchObject({
      status: 'failed',
      cause: { reason: 'WORKER_LOST' },
    });
  });

  it('points to the database while that is away', async () => {
    expect(await indicator.check(AbortSignal.timeout(5_000))).toMatchObject({
      status: 'failed',
      suggestion: 'see the component database',
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
  });
});
