import { v7 as uuidv7 } from 'uuid';
import { AlertBench, failed, until } from './alert-bench.fixture';

const bench = AlertBench.use();

/** The provider fails, and is well again. */
async function comeAndGo(look: () => Promise<void>): Promise<void> {
  bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
  await look();
  bench.health = {};
  await bench.later(11);
  await look();
}

describe('an alert', () => {
  it('is told once while it lasts, and resolves when it is over', async () => {
    const { look } = bench.createNode();
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    for (const _ of [1, 2, 3]) await look();
    expect(bench.words()).toEqual(['trigger provider']);
    expect(bench.told()[0]).toMatchObject({ rule: 'component-failed', severity: 'critical', component: 'provider' });
    bench.health = { provider: { status: 'healthy' } };
    await bench.later(11);
    await look();
    expect(bench.words()).toEqual(['trigger provider', 'resolve provider']);
    expect(bench.told()[1]!.dedup_key).toBe(bench.told()[0]!.dedup_key);
  });

  it('is kept and found by a check of health, which leaves nothing and tells nobody', async () => {
    const { indicator, look } = bench.createNode();
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
    await look();
    for (const table of ['alerts', 'alert_deliveries'])
      expect(await bench.database.query(`SELECT id FROM ${table}`)).toEqual([]);
    expect(bench.told()).toEqual([]);
    await bench.database.query('CREATE RULE lost AS ON INSERT TO alert_deliveries DO INSTEAD NOTHING');
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      problem: 'A message that is stored is not in the outbox',
    });
  });

  it('is opened once by any number of processes that see it', async () => {
    const nodes = [bench.createNode(), bench.createNode(), bench.createNode()];
    bench.health = { redis: failed('REDIS_UNAVAILABLE') };
    for (const _ of [1, 2, 3]) await Promise.all(nodes.map(({ look }) => look()));
    expect(bench.words()).toEqual(['trigger redis']);
    expect(await bench.database.query('SELECT id FROM alerts')).toHaveLength(1);
  });

  it('waits until its trouble has lasted', async () => {
    const { look } = bench.createNode({ ALERT_WAIT_MS: '60000' });
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(bench.words()).toEqual([]);
    await bench.database.query(`UPDATE alerts SET opened_at = opened_at - interval '61 seconds'`);
    await look();
    expect(bench.words()).toEqual(['trigger provider']);
  });

  it('is muted by the failure that it follows from, and told if it outlasts that', async () => {
    const { look } = bench.createNode();
    bench.health = {
      redis: failed('REDIS_UNAVAILABLE'),
      queues: failed('QUEUE_UNAVAILABLE'),
      tasks: failed('QUEUE_UNAVAILABLE'),
    };
    await bench.record('QUEUE_UNAVAILABLE', 'Redis');
    await look();
    expect(bench.words()).toEqual(['trigger redis']);
    bench.health = { redis: { status: 'healthy' }, queues: failed('QUEUE_UNAVAILABLE') };
    await bench.later(11);
    await look();
    await look();
    expect(bench.words()).toEqual(['trigger redis', 'resolve redis', 'trigger queues']);
  });

  it('is told at once for what is degraded by a critical failure, which is one alert with all that follows', async () => {
    const { look } = bench.createNode({ ALERT_FAILURES: '1' });
    await bench.record('REDIS_UNAVAILABLE', 'Redis');
    await bench.record('QUEUE_UNAVAILABLE', 'Redis');
    bench.health = {
      redis: { ...failed('REDIS_UNAVAILABLE'), status: 'degraded' },
      queues: { ...failed('QUEUE_UNAVAILABLE'), status: 'degraded' },
      provider: { ...failed('MCP_SERVER_UNAVAILABLE'), status: 'degraded' },
    };
    for (const _ of [1, 2, 3]) await look();
    await until(() => bench.peer.received.length > 0);
    expect(bench.words()).toEqual(['trigger redis']);
  });

  it('is told for critical failures, and for many failures of one component', async () => {
    const { look } = bench.createNode({ ALERT_FAILURES: '10' });
    await bench.record('INTERNAL_ERROR', 'Internal', 'error', 9);
    await bench.record('MAILBOX_UNAVAILABLE', 'WebSocketBridge');
    await look();
    expect(bench.words()).toEqual(['trigger bridge']);
    await bench.record('INTERNAL_ERROR', 'Internal', 'error', 1);
    await look();
    expect(bench.told()[1]).toMatchObject({
      rule: 'failure-rate',
      group: 'internal',
      details: { reasons: { INTERNAL_ERROR: 10 } },
    });
  });

  it('is told for a task whose attempts are used up, and for jobs that wait', async () => {
    const { look } = bench.createNode();
    await bench.database.query(
      `INSERT INTO background_tasks (name, every_ms, next_due_at, consecutive_failures, failing_since, support_code)
       VALUES ('a.task', 1000, now(), 5, now(), 'BACKGROUND_TASK_FAILED_X')`,
    );
    bench.health = {
      queues: { status: 'degraded', reason: 'x', details: { 'agent-runs': { longest_wait_ms: 61_000 } } },
    };
    await look();
    expect(bench.words().sort()).toEqual(['trigger a.task', 'trigger agent-runs']);
    await bench.database.query(
      `UPDATE background_tasks SET failing_since = NULL, next_due_at = now() + interval '1 hour'`,
    );
    await bench.later(11);
    await look();
    expect(bench.words()).toContain('resolve a.task');
  });

  it('is told of what is expected to fail, until it has failed', async () => {
    const { look } = bench.createNode();
    const message = 'Free space in DATA_DIR falls by 900 MB an hour, from 700 MB: 32 MB expected in 44 min';
    const warning = { figure: 'disk_free_mb', value: 700, limit: 32, message, suggestion: 'make room on that disk' };
    const warnings = [{ ...warning, expected_at: '2026-11-21T12:44:00.000Z' }];
    bench.health = { environment: { status: 'healthy', warnings } };
    await look();
    expect(bench.told()).toMatchObject([
      { rule: 'failure-expected', group: 'environment disk_free_mb', severity: 'warning' },
    ]);
    bench.health = { environment: { ...failed('DATA_DIR_UNUSABLE'), warnings } };
    await look();
    expect(bench.words()[1]).toBe('trigger environment');
  });
});

describe('an admin', () => {
  it('silences what they know of, until the silence ends', async () => {
    const { look, alerts } = bench.createNode();
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    const silence = await alerts.silence({ rule: null, group: 'provider', comment: 'known', minutes: 10 }, 'root');
    await look();
    expect(bench.words()).toEqual([]);
    expect((await alerts.list()).alerts[0]).toMatchObject({ muted_by: `silence ${silence.id}` });
    await alerts.endSilence(silence.id, 'root');
    await look();
    expect(bench.words()).toEqual(['trigger provider']);
    await expect(alerts.endSilence(silence.id, 'root')).rejects.toMatchObject({ reason: 'ALERT_NOT_FOUND' });
  });

  it('acknowledges: those who were told hear it, nothing is repeated, all is audited', async () => {
    const { look, alerts, queue } = bench.createNode({ ALERT_REPEAT_MS: '60000' });
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await bench.later(61);
    await look();
    const { id } = (await alerts.list()).alerts[0]!;
    await alerts.acknowledge(id, 'root');
    await queue.idle();
    await bench.later(61);
    await look();
    expect(bench.words()).toEqual(['trigger provider', 'repeat provider', 'acknowledge provider']);
    expect(await bench.database.query('SELECT actor, action, subject FROM audit_log')).toEqual([
      { actor: 'root', action: 'alert_acknowledged', subject: id },
    ]);
  });
});

describe('the outbox', () => {
  it('sends what a process stored before it died, once it is looked after', async () => {
    const dying = bench.createNode();
    dying.queue.mode = 'forget';
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await dying.look();
    expect(bench.words()).toEqual([]);
    const heir = bench.createNode();
    await heir.sweep.run();
    await heir.queue.idle();
    expect(bench.words()).toEqual(['trigger provider']);
    await heir.sweep.run();
    await heir.queue.idle();
    expect(bench.words()).toEqual(['trigger provider']);
  });

  it('sends without the queue when that does not take it', async () => {
    const { look, queue } = bench.createNode();
    queue.mode = 'refuse';
    bench.health = { redis: failed('REDIS_UNAVAILABLE') };
    await look();
    expect(bench.words()).toEqual(['trigger redis']);
  });

  it('sends without the workers of the queue when none of them fetches a message', async () => {
    const { look, queue } = bench.createNode();
    queue.mode = 'forget';
    bench.health = { supervisor: failed('NO_WORKERS') };
    await look();
    // As if it had been stored an hour ago: the time is in the id.
    const anHourAgo = uuidv7({ msecs: Date.now() - 3_600_000 });
    await bench.database.query('UPDATE alert_deliveries SET id = $1', [anHourAgo]);
    await look();
    await until(() => bench.peer.received.length > 0);
    expect(bench.words()).toEqual(['trigger supervisor']);
  });

  it('keeps the order of what is said about one alert', async () => {
    const { look, queue, sweep } = bench.createNode();
    queue.mode = 'forget';
    await comeAndGo(look);
    queue.mode = 'deliver';
    await sweep.run();
    await queue.idle();
    await sweep.run();
    await queue.idle();
    expect(bench.words()).toEqual(['trigger provider', 'resolve provider']);
  });
});

describe('a channel that does not take an alert', () => {
  const both = { ALERT_CHANNELS: 'pagerduty,webhook' };

  it('is asked again when it wants to be, with the same id', async () => {
    const { look, queue, deliveries, reporter } = bench.createNode();
    queue.mode = 'forget';
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    const [message] = await bench.database.query<{ id: string }>('SELECT id FROM alert_deliveries');
    bench.peer.next.push({ status: 429, headers: { 'retry-after': '7' } });
    const job = { jobId: 'a-job', attempts: 5 };
    const refused = await deliveries.deliver(message!.id, { ...job, attempt: 1 });
    expect(refused).toMatchObject({ ok: false, final: false, retryAfterMs: 7_000 });
    expect(reporter.reasons).toEqual(['ALERT_DELIVERY_RETRYING']);
    // Another job does not get in between.
    await deliveries.deliver(message!.id, { ...job, jobId: 'another', attempt: 1 });
    expect(bench.peer.received).toHaveLength(1);
    expect(await deliveries.deliver(message!.id, { ...job, attempt: 2 })).toEqual({ ok: true });
    const [first, second] = bench.peer.received.map(({ headers }) => headers['webhook-id']);
    expect(second).toBe(first);
  });

  it('is stood in for by the next one, which also hears the end', async () => {
    const { look, reporter, indicator } = bench.createNode(both);
    bench.peer.next.push({ status: 400 });
    await comeAndGo(look);
    expect(bench.peer.received.map(({ path }) => path)).toEqual(['/v2/enqueue', '/webhook', '/webhook']);
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED']);
    expect(await indicator.check()).toMatchObject({ status: 'degraded', cause: { reason: 'ALERT_CHANNEL_FAILED' } });
  });

  const paths = () => bench.peer.received.map(({ path }) => path);
  const minutesPass = () =>
    bench.database.query(`UPDATE alert_deliveries SET ended_at = ended_at - interval '6 minutes'`);

  it('is offered it again until it takes it; then it is well, and hears the end too', async () => {
    const { look, reporter, indicator } = bench.createNode(both);
    bench.peer.next.push({ status: 400 });
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await look();
    expect(paths()).toEqual(['/v2/enqueue', '/webhook']);
    await minutesPass();
    bench.peer.next.push({ status: 503 });
    await look();
    expect(paths().slice(2)).toEqual(['/v2/enqueue']);
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED', 'ALERT_DELIVERY_RETRYING']);
    expect(await indicator.check()).toMatchObject({ status: 'degraded' });
    await minutesPass();
    await look();
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
    bench.health = {};
    await bench.later(11);
    await look();
    expect(paths().slice(3).sort()).toEqual(['/v2/enqueue', '/v2/enqueue', '/webhook']);
  });

  it('is not well while a process that died has left what it is offered again', async () => {
    const dying = bench.createNode(both);
    bench.peer.next.push({ status: 400 });
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await dying.look();
    await minutesPass();
    dying.queue.mode = 'forget';
    await dying.look();
    const heir = bench.createNode(both);
    expect(await heir.indicator.check()).toMatchObject({ status: 'degraded' });
    await heir.sweep.run();
    await heir.queue.idle();
    expect(await heir.indicator.check()).toMatchObject({ status: 'healthy' });
    expect(paths()).toEqual(['/v2/enqueue', '/webhook', '/v2/enqueue']);
  });

  it('hears only that it is over, of what has ended meanwhile', async () => {
    const { look, indicator } = bench.createNode(both);
    bench.peer.next.push({ status: 400 });
    await comeAndGo(look);
    await minutesPass();
    await look();
    const [last] = bench.peer.received.slice(3);
    expect(last).toMatchObject({ path: '/v2/enqueue' });
    expect(JSON.parse(last!.body)).toMatchObject({ event_action: 'resolve' });
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
    await minutesPass();
    await look();
    expect(paths()).toHaveLength(4);
  });

  it('is sent a message as often as the settings say', async () => {
    const { look, queue, reporter } = bench.createNode({ ALERT_SEND_ATTEMPTS: '2', ALERT_SEND_RETRY_MS: '100' });
    queue.mode = 'refuse';
    bench.peer.usual = { status: 500 };
    bench.health = { redis: failed('REDIS_UNAVAILABLE') };
    await look();
    expect(bench.peer.received).toHaveLength(2);
    expect(reporter.reasons.slice(1)).toEqual(['ALERT_DELIVERY_RETRYING', 'ALERT_UNDELIVERED']);
  });

  it('is the last one: that is critical, and shows in the health of alerts', async () => {
    const { look, reporter, indicator } = bench.createNode(both);
    bench.peer.usual = { status: 400 };
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED', 'ALERT_UNDELIVERED']);
    expect(await indicator.check()).toMatchObject({ status: 'failed', cause: { reason: 'ALERT_UNDELIVERED' } });
    bench.health = {};
    await bench.later(11);
    await look();
    expect(bench.peer.received).toHaveLength(2);
  });
});

describe('the dead letter of a message', () => {
  const attempt = (attempt: number, jobId = 'a-job') => ({ jobId, attempt, attempts: Math.max(5, attempt) });

  /** A message whose first attempt was refused for good. */
  async function refused(environment: Record<string, string> = {}) {
    const node = bench.createNode(environment);
    node.queue.mode = 'forget';
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await node.look();
    const [{ id }] = (await bench.database.query<{ id: string }>('SELECT id FROM alert_deliveries')) as [
      { id: string },
    ];
    bench.peer.next.push({ status: 400 });
    expect(await node.deliveries.deliver(id, attempt(1))).toMatchObject({ ok: false, final: true });
    return { ...node, id };
  }

  it('is sent again by one attempt more of its job, with the same id, and by nothing else', async () => {
    const { deliveries, indicator, id } = await refused();
    // The same attempt after a crash, and the job of another wake-up, find it ended.
    expect(await deliveries.deliver(id, attempt(1))).toEqual({ ok: true });
    expect(await deliveries.deliver(id, attempt(2, 'another'))).toEqual({ ok: true });
    expect(bench.peer.received).toHaveLength(1);
    expect(await deliveries.deliver(id, attempt(2))).toEqual({ ok: true });
    expect(await deliveries.deliver(id, attempt(3))).toEqual({ ok: true });
    expect(bench.peer.received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
  });

  it('is a dead letter again when it is refused again, and the next channel does not hear it twice', async () => {
    const { deliveries, queue, sweep, reporter, id } = await refused({ ALERT_CHANNELS: 'pagerduty,webhook' });
    queue.mode = 'deliver';
    await sweep.run();
    await queue.idle();
    bench.peer.next.push({ status: 400 });
    expect(await deliveries.deliver(id, attempt(2))).toMatchObject({ ok: false, final: true });
    await queue.idle();
    expect(bench.peer.received.map(({ path }) => path)).toEqual(['/v2/enqueue', '/webhook', '/v2/enqueue']);
    expect(reporter.reasons).toEqual(['ALERT_CHANNEL_FAILED', 'ALERT_CHANNEL_FAILED']);
  });

  it('of an alert that is over by then is followed by its end', async () => {
    const { look, deliveries, queue, id } = await refused();
    bench.health = {};
    await bench.later(11);
    await look();
    queue.mode = 'deliver';
    bench.peer.reset();
    expect(await deliveries.deliver(id, attempt(2))).toEqual({ ok: true });
    await queue.idle();
    expect(bench.words()).toEqual(['trigger provider', 'resolve provider']);
    expect(bench.told()[1]!.resolved_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
  });
});
