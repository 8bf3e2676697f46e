import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComponentDetail } from '@clarion/protocol';
import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { WebhookReceiver } from '../../test/support/webhook-receiver';
import type { FailureRecord } from '../errors';
import { Database } from '../persistence';
import { createAlertNode } from './alerts.fixture';
import type { AlertNotice } from './notice';

let postgres: TestDatabase;
let proxy: TcpProxy;
let database: Database;
let dataDir: string;
let peer: WebhookReceiver;
let health: Record<string, ComponentDetail>;

beforeAll(() => Logger.overrideLogger(false));

beforeEach(async () => {
  postgres = await createTestDatabase();
  proxy = await TcpProxy.before(postgres.url);
  database = new Database({ poolSize: 8, connectTimeoutMs: 600, statementTimeoutMs: 2_000 });
  database.connect(proxy.through(postgres.url));
  database.markOpened();
  dataDir = await mkdtemp(join(tmpdir(), 'clarion-alerts-'));
  peer = await WebhookReceiver.start();
  health = {};
});

afterEach(async () => {
  await database.close();
  await Promise.all([proxy.close(), peer.close(), rm(dataDir, { recursive: true, force: true })]);
  await postgres.drop();
});

function createNode(environment: Record<string, string> = {}) {
  const { origin } = new URL(peer.url);
  return createAlertNode({ database, dataDir, origin, health: () => health, environment });
}

const failed = (reason: string): ComponentDetail => ({
  status: 'failed',
  reason,
  error: 'it does not answer',
  details: {},
});
const told = () => peer.received.map(({ body }) => (JSON.parse(body) as { data: AlertNotice }).data);
const words = () => told().map(({ action, group }) => `${action} ${group}`);
/** As if so many seconds had passed. */
const later = (seconds: number) =>
  database.query(
    `UPDATE alerts SET opened_at = opened_at - $1 * interval '1 second', last_seen_at = last_seen_at - $1 * interval '1 second',
       notified_at = notified_at - $1 * interval '1 second', resolved_at = resolved_at - $1 * interval '1 second'`,
    [seconds],
  );

async function record(reason: string, component: string, severity = 'critical', count = 1): Promise<void> {
  await database.query(
    `INSERT INTO error_records (support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, details, private_details, notify)
     VALUES ($1, 1005, $2, $3, $4, 'f', 'a.test', now(), now(), $5, '{}', '{}', false)`,
    [`${reason}_${Math.random()}`, reason, component, severity, count],
  );
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('an alert', () => {
  it('is told once while it lasts, and resolves when it is over', async () => {
    const { look } = createNode();
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    for (const _ of [1, 2, 3]) await look();
    expect(words()).toEqual(['trigger provider']);
    expect(told()[0]).toMatchObject({ rule: 'component-failed', severity: 'critical', component: 'provider' });
    health = { provider: { status: 'healthy' } };
    await later(11);
    await look();
    expect(words()).toEqual(['trigger provider', 'resolve provider']);
    expect(told()[1]!.dedup_key).toBe(told()[0]!.dedup_key);
  });

  it('is opened once by any number of processes that see it', async () => {
    const nodes = [createNode(), createNode(), createNode()];
    health = { redis: failed('REDIS_UNAVAILABLE') };
    for (const _ of [1, 2, 3]) await Promise.all(nodes.map(({ look }) => look()));
    expect(words()).toEqual(['trigger redis']);
    expect(await database.query('SELECT id FROM alerts')).toHaveLength(1);
  });

  it('waits until its trouble has lasted', async () => {
    const { look } = createNode({ ALERT_WAIT_MS: '60000' });
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(words()).toEqual([]);
    await database.query(`UPDATE alerts SET opened_at = opened_at - interval '61 seconds'`);
    await look();
    expect(words()).toEqual(['trigger provider']);
  });

  it('is muted by the failure that it follows from, and told if it outlasts that', async () => {
    const { look } = createNode();
    health = {
      redis: failed('REDIS_UNAVAILABLE'),
      queues: failed('QUEUE_UNAVAILABLE'),
      tasks: failed('QUEUE_UNAVAILABLE'),
    };
    await record('QUEUE_UNAVAILABLE', 'Redis');
    await look();
    expect(words()).toEqual(['trigger redis']);
    health = { redis: { status: 'healthy' }, queues: failed('QUEUE_UNAVAILABLE') };
    await later(11);
    await look();
    await look();
    expect(words()).toEqual(['trigger redis', 'resolve redis', 'trigger queues']);
  });

  it('is told at once for what is degraded by a critical failure, which is one alert with all that follows', async () => {
    const { look } = createNode({ ALERT_FAILURES: '1' });
    await record('REDIS_UNAVAILABLE', 'Redis');
    await record('QUEUE_UNAVAILABLE', 'Redis');
    health = {
      redis: { ...failed('REDIS_UNAVAILABLE'), status: 'degraded' },
      queues: { ...failed('QUEUE_UNAVAILABLE'), status: 'degraded' },
      provider: { ...failed('MCP_SERVER_UNAVAILABLE'), status: 'degraded' },
    };
    for (const _ of [1, 2, 3]) await look();
    await until(() => peer.received.length > 0);
    expect(words()).toEqual(['trigger redis']);
  });

  it('is told for critical failures, and for many failures of one component', async () => {
    const { look } = createNode({ ALERT_FAILURES: '10' });
    await record('INTERNAL_ERROR', 'Internal', 'error', 9);
    await record('MAILBOX_UNAVAILABLE', 'WebSocketBridge');
    await look();
    expect(words()).toEqual(['trigger bridge']);
    await record('INTERNAL_ERROR', 'Internal', 'error', 1);
    await look();
    expect(told()[1]).toMatchObject({
      rule: 'failure-rate',
      group: 'internal',
      details: { reasons: { INTERNAL_ERROR: 10 } },
    });
  });

  it('is told for a task whose attempts are used up, and for jobs that wait', async () => {
    const { look } = createNode();
    await database.query(
      `INSERT INTO background_tasks (name, every_ms, next_due_at, consecutive_failures, failing_since, support_code)
       VALUES ('a.task', 1000, now(), 5, now(), 'BACKGROUND_TASK_FAILED_X')`,
    );
    health = { queues: { status: 'degraded', reason: 'x', details: { 'agent-runs': { longest_wait_ms: 61_000 } } } };
    await look();
    expect(words().sort()).toEqual(['trigger a.task', 'trigger agent-runs']);
    await database.query(`UPDATE background_tasks SET failing_since = NULL, next_due_at = now() + interval '1 hour'`);
    await later(11);
    await look();
    expect(words()).toContain('resolve a.task');
  });

  it('is told of what is expected to fail, until it has failed', async () => {
    const { look } = createNode();
    const message = 'Free space in DATA_DIR falls by 900 MB an hour, from 700 MB: 32 MB expected in 44 min';
    const warning = { figure: 'disk_free_mb', value: 700, limit: 32, message, suggestion: 'make room on that disk' };
    const warnings = [{ ...warning, expected_at: '2026-11-21T12:44:00.000Z' }];
    health = { environment: { status: 'healthy', warnings } };
    await look();
    expect(told()).toMatchObject([
      { rule: 'failure-expected', group: 'environment disk_free_mb', severity: 'warning' },
    ]);
    health = { environment: { ...failed('DATA_DIR_UNUSABLE'), warnings } };
    await look();
    expect(words()[1]).toBe('trigger environment');
  });
});

describe('an admin', () => {
  it('silences what they know of, until the silence ends', async () => {
    const { look, alerts } = createNode();
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    const silence = await alerts.silence({ rule: null, group: 'provider', comment: 'known', minutes: 10 }, 'root');
    await look();
    expect(words()).toEqual([]);
    expect((await alerts.list()).alerts[0]).toMatchObject({ muted_by: `silence ${silence.id}` });
    await alerts.endSilence(silence.id, 'root');
    await look();
    expect(words()).toEqual(['trigger provider']);
    await expect(alerts.endSilence(silence.id, 'root')).rejects.toMatchObject({ reason: 'ALERT_NOT_FOUND' });
  });

  it('acknowledges: those who were told hear it, nothing is repeated, all is audited', async () => {
    const { look, alerts, queue } = createNode({ ALERT_REPEAT_MS: '60000' });
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await later(61);
    await look();
    const { id } = (await alerts.list()).alerts[0]!;
    await alerts.acknowledge(id, 'root');
    await queue.idle();
    await later(61);
    await look();
    expect(words()).toEqual(['trigger provider', 'repeat provider', 'acknowledge provider']);
    expect(await database.query('SELECT actor, action, subject FROM audit_log')).toEqual([
      { actor: 'root', action: 'alert_acknowledged', subject: id },
    ]);
  });
});

describe('the outbox', () => {
  it('sends what a process stored before it died, once it is looked after', async () => {
    const dying = createNode();
    dying.queue.mode = 'forget';
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await dying.look();
    expect(words()).toEqual([]);
    const heir = createNode();
    await heir.sweep.run();
    await heir.queue.idle();
    expect(words()).toEqual(['trigger provider']);
    await heir.sweep.run();
    await heir.queue.idle();
    expect(words()).toEqual(['trigger provider']);
  });

  it('sends without the queue when that does not take it', async () => {
    const { look, queue } = createNode();
    queue.mode = 'refuse';
    health = { redis: failed('REDIS_UNAVAILABLE') };
    await look();
    expect(words()).toEqual(['trigger redis']);
  });

  it('keeps the order of what is said about one alert', async () => {
    const { look, queue, sweep } = createNode();
    queue.mode = 'forget';
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    health = {};
    await later(11);
    await look();
    queue.mode = 'deliver';
    await sweep.run();
    await queue.idle();
    await sweep.run();
    await queue.idle();
    expect(words()).toEqual(['trigger provider', 'resolve provider']);
  });
});

describe('a channel that does not take an alert', () => {
  const both = { ALERT_CHANNELS: 'pagerduty,webhook' };

  it('is asked again when it wants to be, with the same id', async () => {
    const { look, queue, deliveries, reporter } = createNode();
    queue.mode = 'forget';
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    const [message] = await database.query<{ id: string }>('SELECT id FROM alert_deliveries');
    peer.next.push({ status: 429, headers: { 'retry-after': '7' } });
    const job = { jobId: 'a-job', attempts: 5 };
    const refused = await deliveries.deliver(message!.id, { ...job, attempt: 1 });
    expect(refused).toMatchObject({ ok: false, final: false, retryAfterMs: 7_000 });
    expect(reporter.reasons).toEqual(['ALERT_DELIVERY_RETRYING']);
    // Another job does not get in between.
    await deliveries.deliver(message!.id, { ...job, jobId: 'another', attempt: 1 });
    expect(peer.received).toHaveLength(1);
    expect(await deliveries.deliver(message!.id, { ...job, attempt: 2 })).toEqual({ ok: true });
    const [first, second] = peer.received.map(({ headers }) => headers['webhook-id']);
    expect(second).toBe(first);
  });

  it('is stood in for by the next one, which also hears the end', async () => {
    const { look, reporter, indicator } = createNode(both);
    peer.next.push({ status: 400 });
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    health = {};
    await later(11);
    await look();
    expect(peer.received.map(({ path }) => path)).toEqual(['/v2/enqueue', '/webhook', '/webhook']);
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED']);
    expect(await indicator.check()).toMatchObject({ status: 'degraded', cause: { reason: 'ALERT_CHANNEL_FAILED' } });
  });

  it('is the last one: that is critical, and shows in the health of alerts', async () => {
    const { look, reporter, indicator } = createNode(both);
    peer.usual = { status: 400 };
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED', 'ALERT_UNDELIVERED']);
    expect(await indicator.check()).toMatchObject({ status: 'failed', cause: { reason: 'ALERT_UNDELIVERED' } });
    health = {};
    await later(11);
    await look();
    expect(peer.received).toHaveLength(2);
  });
});

describe('without the database', () => {
  const outage = async () => {
    proxy.refuse();
    await until(async () => {
      await Promise.allSettled([database.query('SELECT 1')]);
      return !database.ready;
    });
    health = { database: failed('DATABASE_UNAVAILABLE'), queues: failed('QUEUE_UNAVAILABLE') };
  };
  const healed = async () => {
    proxy.heal();
    await until(() => database.ready);
    health = {};
  };

  it('one outage is one alert: sent at once, not again when the database is back, and resolved', async () => {
    const { look, outage: alone } = createNode();
    await outage();
    for (const _ of [1, 2, 3]) await look();
    await until(() => peer.received.length === 1 && !alone.busy);
    await healed();
    await look();
    expect(await database.query('SELECT status FROM alert_deliveries')).toEqual([{ status: 'sent' }]);
    // The records of the outage, which were spooled, belong to it.
    await record('DATABASE_UNAVAILABLE', 'Database');
    await look();
    await later(11);
    await look();
    await look();
    expect(words()).toEqual(['trigger database', 'resolve database']);
  });

  it('is told of when its trouble has lasted, and not before', async () => {
    const { look } = createNode({ ALERT_WAIT_MS: '300' });
    await outage();
    await look();
    expect(told()).toEqual([]);
    await until(async () => {
      await look();
      return peer.received.length > 0;
    });
    expect(words()).toEqual(['trigger database']);
  });

  it('what a killed process had told is known to the next, with the database still away', async () => {
    const killed = createNode();
    await outage();
    await killed.look();
    await until(() => peer.received.length === 1 && !killed.outage.busy);
    const next = createNode();
    await next.look();
    await healed();
    await next.look();
    expect(words()).toEqual(['trigger database']);
    expect(await database.query(`SELECT rule, status FROM alerts WHERE group_key = 'database'`)).toEqual([
      { rule: 'component-failed', status: 'firing' },
    ]);
  });

  it('waits until its trouble has lasted, and forgets what has not', async () => {
    const { look, outage: alone } = createNode({ ALERT_WAIT_MS: '200' });
    await outage();
    health = { ...health, provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(peer.received).toHaveLength(0);
    health = { database: failed('DATABASE_UNAVAILABLE') };
    await new Promise((resolve) => setTimeout(resolve, 210));
    await look();
    await until(() => peer.received.length === 1 && !alone.busy);
    expect(words()).toEqual(['trigger database']);
  });

  it('critical failures alert by what this process remembers', async () => {
    const { look, feed, outage: alone } = createNode();
    await outage();
    health = {};
    const failure = {
      reason: 'SPOOL_WRITE_FAILED',
      component: 'Integration',
      severity: 'critical',
      operation: 'x',
      count: 1,
    };
    feed.publish({ ...failure, occurred_at: new Date().toISOString(), support_code: 'C' } as FailureRecord);
    await look();
    await until(() => peer.received.length === 1 && !alone.busy);
    expect(told()[0]).toMatchObject({ rule: 'critical-failure', details: { support_code: 'C' } });
  });

  it('what was open before is not told again', async () => {
    const { look } = createNode();
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await outage();
    health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await healed();
    await look();
    expect(words()).toEqual(['trigger provider']);
  });

  it.each([
    ['before', true],
    ['in', false],
  ])(
    'what began %s the outage and ended in it is told to be over when the database is back, once',
    async (_, early) => {
      const [one, other] = [createNode(), createNode({ DATA_DIR: await mkdtemp(join(dataDir, 'other-')) })];
      const provider = { provider: failed('PROVIDER_UNAVAILABLE') };
      health = early ? provider : {};
      for (const node of [one, other]) await node.look();
      await outage();
      health = provider;
      await one.look();
      await until(() => peer.received.length === 1 && !one.outage.busy);
      health = {};
      jest.useFakeTimers({ now: Date.now() + 11_000, doNotFake: ['setTimeout', 'setImmediate', 'nextTick'] });
      for (const node of [one, other]) await node.look();
      jest.useRealTimers();
      await healed();
      for (const node of [one, other, one, other]) await node.look();
      expect(words()).toEqual(['trigger provider', 'resolve provider']);
    },
  );
});
