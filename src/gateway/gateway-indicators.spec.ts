import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import {
  CATALOGUE,
  classify,
  ComponentError,
  type Failure,
  type FailureContext,
  FailureReporter,
  type Reason,
} from '../errors';
import { FailureMetrics } from '../errors/failure-metrics';
import { CANARY_USER, MailboxCanary, MailboxStore, type UserBus } from '../mailbox';
import { InProcessBus } from '../mailbox/in-process-bus';
import { Database } from '../persistence';
import { MetricsRegistry, Tracing } from '../telemetry';
import { BridgeIndicator } from './bridge.indicator';
import type { ClientRequests } from './client-requests.service';
import { ConnectionGate } from './connection-gate.service';
import type { Connections } from './connections.service';
import { FactoryIndicator } from './factory.indicator';
import { GatewayMetrics } from './gateway-metrics';
import { HandlerIndicator } from './handler.indicator';
import { InProcessLimits } from './limits';
import { RecentFailures } from './recent-failures';
import { RequestDispatcher } from './request-dispatcher.service';

class SilentReporter extends FailureReporter {
  override async report(error: unknown, context: FailureContext): Promise<Failure> {
    const cause = classify(error, context.component);
    return { cause, error: { reason: cause.reason }, support_code: 'TEST' } as unknown as Failure;
  }
}

const reporter = new SilentReporter();

let registry: MetricsRegistry;
let failures: FailureMetrics;

const fail = (reason: Reason, times: number): void => {
  for (let count = 0; count < times; count += 1) failures.count(CATALOGUE[reason]);
};

beforeEach(() => {
  registry = new MetricsRegistry();
  failures = new FailureMetrics(registry);
});

afterEach(() => jest.restoreAllMocks());

describe('recent failures', () => {
  it('count what happened within a minute, of the given reasons alone', async () => {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const recent = new RecentFailures(registry, ['ACK_TIMEOUT', 'INTERNAL_ERROR']);
    fail('ACK_TIMEOUT', 10);
    expect(await recent.judge({})).toMatchObject({ status: 'healthy', details: { failures_last_minute: 0 } });
    fail('ACK_TIMEOUT', 3);
    fail('INTERNAL_ERROR', 1);
    fail('PAYLOAD_INVALID', 20);
    now += 30_000;
    expect(await recent.judge({})).toMatchObject({ status: 'healthy', details: { failures_last_minute: 4 } });
    fail('INTERNAL_ERROR', 1);
    now += 10_000;
    expect(await recent.judge({ events: 3 })).toMatchObject({
      status: 'degraded',
      details: { events: 3, failures_last_minute: 5 },
      problem: '5 failures within a minute (ACK_TIMEOUT, INTERNAL_ERROR)',
    });
    now += 50_001;
    expect(await recent.judge({})).toMatchObject({ status: 'healthy', details: { failures_last_minute: 1 } });
  });
});

function gateOf(env: Record<string, string>): ConnectionGate {
  const config = loadConfig(env);
  return new ConnectionGate(config, new InProcessLimits(config.gateway));
}

describe('the health of the factory', () => {
  it('is good while connections are admitted, and takes no place', async () => {
    const gate = gateOf({ CONNECTIONS_PER_USER: '1' });
    const indicator = new FactoryIndicator(gate, registry);
    const found = { status: 'healthy', details: { connections: 0, limits: { connections_per_user: 1 } } };
    const admitted = jest.spyOn(gate, 'admit');
    expect(await indicator.check()).toMatchObject(found);
    expect(await indicator.check()).toMatchObject(found);
    expect(admitted).toHaveBeenCalledTimes(2);
    expect(gate.connectionCount).toBe(0);
  });

  it('is bad when none is admitted', async () => {
    const gate = gateOf({});
    gate.beginDraining();
    expect(await new FactoryIndicator(gate, registry).check()).toMatchObject({
      status: 'failed',
      problem: 'No connection is admitted (SERVER_DRAINING)',
      cause: { reason: 'SERVER_DRAINING' },
    });
  });

  it('suffers when many could not be set up', async () => {
    const indicator = new FactoryIndicator(gateOf({}), registry);
    await indicator.check();
    fail('HANDSHAKE_TIMEOUT', 5);
    expect(await indicator.check()).toMatchObject({ status: 'degraded' });
  });
});

describe('the health of the handler', () => {
  function indicatorFor(handler: () => Promise<object>, deadlineMs = 10_000): HandlerIndicator {
    const requests = { handlers: { health_check: handler, run_get: handler } } as unknown as ClientRequests;
    const dispatcher = new RequestDispatcher(
      requests,
      reporter,
      loadConfig({ ACK_DEADLINE_MS: String(deadlineMs), DATA_DIR: '/nonexistent' }),
      new GatewayMetrics(new MetricsRegistry()),
      Tracing.off(),
    );
    return new HandlerIndicator(dispatcher, requests, registry);
  }

  it('is good when a request is answered', async () => {
    const indicator = indicatorFor(async () => ({ report: {} }));
    expect(await indicator.check()).toEqual({
      status: 'healthy',
      details: { events: ['health_check', 'run_get'], failures_last_minute: 0 },
    });
  });

  it('is bad when it fails', async () => {
    const indicator = indicatorFor(() => Promise.reject(new Error('boom')));
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      problem: 'A request got 1 answers, INTERNAL_ERROR',
    });
  });

  it('is bad when it is not answered', () => {
    const indicator = indicatorFor(() => new Promise(() => undefined));
    expect(indicator.unanswered()).toMatchObject({ status: 'failed', cause: { reason: 'ACK_TIMEOUT' } });
  });
});

describe('the health of the bridge', () => {
  const connections = { count: 7 } as Connections;
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = new Database(loadConfig({}).persistence);
    database.connect(test.url);
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  function bridge(bus: UserBus = new InProcessBus(reporter), on = database): BridgeIndicator {
    const canary = new MailboxCanary(on, new MailboxStore(on, bus), bus);
    return new BridgeIndicator(canary, connections, registry);
  }

  it('is good when an event comes into a mailbox, over the live channel and out of the log', async () => {
    const published = jest.spyOn(InProcessBus.prototype, 'publish');
    expect(await bridge().check()).toEqual({ status: 'healthy', details: { connections: 7, failures_last_minute: 0 } });
    const [[user, signal] = []] = published.mock.calls;
    expect([user, signal]).toMatchObject([CANARY_USER, { events: [{ type: 'agent_progress', critical: false }] }]);
  });

  it('leaves no subscription behind, and a mailbox that does not grow', async () => {
    const bus = new InProcessBus(reporter);
    const indicator = bridge(bus);
    for (let check = 0; check < 120; check += 1) await indicator.check();
    expect(bus.users).toEqual([]);
    const [kept] = await database.query<{ events: number }>('SELECT count(*)::int AS events FROM mailbox_events');
    expect(kept?.events).toBeLessThanOrEqual(101);
    expect(await database.query('SELECT user_id, unread_since FROM mailboxes')).toEqual([
      { user_id: CANARY_USER, unread_since: null },
    ]);
  });

  it('waits for no other process that stopped while it had the mailbox', async () => {
    await database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('clarion mailbox canary'))`);
      await tx.query('SELECT 1 FROM mailboxes FOR UPDATE');
      expect(await bridge().check()).toMatchObject({ status: 'healthy' });
    });
  });

  it('is bad when nothing can be stored, and names the database', async () => {
    const away = new Database(loadConfig({}).persistence);
    const expected = { status: 'failed', suggestion: 'see the component database' };
    expect(await bridge(undefined, away).check()).toMatchObject({
      ...expected,
      problem: 'No event can be stored',
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
    expect(bridge().unanswered()).toMatchObject({ ...expected, cause: { reason: 'DATABASE_TIMEOUT' } });
  });

  it('is bad when the live channel is deaf, and suffers when other processes are not reached', async () => {
    class DeafBus extends InProcessBus {
      override publish(): void {}
    }
    expect(await bridge(new DeafBus(reporter)).check()).toMatchObject({
      status: 'failed',
      cause: { reason: 'EVENT_DELIVERY_FAILED' },
    });
    class AloneBus extends InProcessBus {
      override async echo(): Promise<void> {
        throw ComponentError.redis('REDIS_TIMEOUT');
      }
    }
    expect(await bridge(new AloneBus(reporter)).check()).toMatchObject({
      status: 'degraded',
      suggestion: 'see the component redis',
      cause: { reason: 'REDIS_TIMEOUT' },
    });
  });
});
