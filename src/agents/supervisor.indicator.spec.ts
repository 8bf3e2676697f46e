import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import type { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { ActiveRuns } from './active-runs';
import type { AgentRegistry } from './agent-registry';
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
    indicator = new SupervisorIndicator(workers, active, agents, database, config);
    database.connect(test.url);
  });

  afterEach(async () => {
    await workers.stop();
    await database.close();
  });

  it('suffers in a gateway as long as no process runs agents', async () => {
    database.markOpened();
    const shared = { ROLE: 'gateway', DATABASE_URL: test.url, REDIS_URL: 'redis://localhost' };
    const issuer = { AUTH_JWT_SECRET: 'x'.repeat(32), AUTH_JWT_ISSUER: 'issuer', AUTH_JWT_AUDIENCE: 'clarion' };
    const role = loadConfig({ ...shared, ...issuer });
    const gateway = new Workers(database, role, reporter);
    const own = new SupervisorIndicator(gateway, active, agents, database, role);
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
