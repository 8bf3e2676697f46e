import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import { CATALOGUE, classify, type Failure, type FailureContext, FailureReporter, type Reason } from '../errors';
import { FailureMetrics } from '../errors/failure-metrics';
import { MailboxStore, UserBus, type UserSubscription } from '../mailbox';
import { InProcessBus } from '../mailbox/in-process-bus';
import { Database } from '../persistence';
import { MetricsRegistry } from '../telemetry';
import { BridgeIndicator } from './bridge.indicator';
import type { ClientRequests } from './client-requests.service';
import { ConnectionGate } from './connection-gate.service';
import type { Connections } from './connections.service';
import { FactoryIndicator } from './factory.indicator';
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
    expect(await indicator.check()).toMatchObject(found);
    expect(await indicator.check()).toMatchObject(found);
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

  it('is good when a signal arrives and the log can be read', async () => {
    const bus = new InProcessBus(reporter);
    const indicator = new BridgeIndicator(bus, new MailboxStore(database, bus), connections, registry);
    expect(await indicator.check()).toEqual({
      status: 'healthy',
      details: { connections: 7, failures_last_minute: 0 },
    });
  });

  it('leaves no subscription behind', async () => {
    const bus = new InProcessBus(reporter);
    const ended: boolean[] = [];
    const subscribe = bus.subscribe.bind(bus);
    jest.spyOn(bus, 'subscribe').mockImplementation((user, listener) => {
      const { ready, end } = subscribe(user, listener);
      return { ready, end: () => ended.push(true) && end() };
    });
    await new BridgeIndicator(bus, new MailboxStore(database, bus), connections, registry).check();
    expect(ended).toEqual([true]);
  });

  it('is bad when the log cannot be read', async () => {
    const bus = new InProcessBus(reporter);
    const away = new Database(loadConfig({}).persistence);
    const indicator = new BridgeIndicator(bus, new MailboxStore(away, bus), connections, registry);
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      problem: 'The log of events cannot be read',
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
  });

  it('waits for a signal that does not arrive, and says what that means', async () => {
    class DeafBus extends UserBus {
      override publish(): void {}
      override subscribe(): UserSubscription {
        return { ready: Promise.resolve(), end: () => undefined };
      }
    }
    const bus = new DeafBus();
    const indicator = new BridgeIndicator(bus, new MailboxStore(database, bus), connections, registry);
    const settled = jest.fn();
    void Promise.allSettled([indicator.check()]).then(settled);
    await database.query('SELECT 1');
    expect(settled).not.toHaveBeenCalled();
    expect(indicator.unanswered()).toMatchObject({ status: 'failed', cause: { reason: 'EVENT_DELIVERY_FAILED' } });
  });
});
