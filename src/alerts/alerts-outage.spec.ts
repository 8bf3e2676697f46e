import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { ComponentError, type FailureRecord } from '../errors';
import { Database } from '../persistence';
import { AlertBench, failed, until } from './alert-bench.fixture';
import type { AlertNotice } from './notice';

const bench = AlertBench.use();

describe('without the database', () => {
  const outage = async () => {
    bench.proxy.refuse();
    await until(async () => {
      await Promise.allSettled([bench.database.query('SELECT 1')]);
      return !bench.database.ready;
    });
    bench.health = { database: failed('DATABASE_UNAVAILABLE'), queues: failed('QUEUE_UNAVAILABLE') };
  };
  const healed = async () => {
    bench.proxy.heal();
    await until(() => bench.database.ready);
    bench.health = {};
  };

  it('one outage is one alert: sent at once, not again when the database is back, and resolved', async () => {
    const { look, outage: alone } = bench.createNode();
    await outage();
    for (const _ of [1, 2, 3]) await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    await healed();
    await look();
    expect(await bench.database.query('SELECT status FROM alert_deliveries')).toEqual([{ status: 'sent' }]);
    // The records of the outage, which were spooled, belong to it.
    await bench.record('DATABASE_UNAVAILABLE', 'Database');
    await look();
    await bench.later(11);
    await look();
    await look();
    expect(bench.words()).toEqual(['trigger database', 'resolve database']);
  });

  it('that can be read and has no room for an alert is told of all the same, and once', async () => {
    const { look, outage: alone } = bench.createNode();
    await bench.database.query(`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'no room' USING ERRCODE = '53100'; END $$`);
    await bench.database.query('CREATE TRIGGER no_room BEFORE INSERT ON alerts EXECUTE FUNCTION no_room()');
    bench.health = { database: failed('DATABASE_DISK_FULL') };
    for (const _ of [1, 2, 3]) await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    await bench.database.query('DROP TRIGGER no_room ON alerts');
    bench.health = {};
    await look();
    await bench.later(11);
    await look();
    await look();
    expect(bench.words()).toEqual(['trigger database', 'resolve database']);
  });

  it('is told once where the database goes away again as soon as it took what had happened', async () => {
    const { look, outage: alone } = bench.createNode();
    await outage();
    for (const _ of [1, 2]) await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    bench.proxy.heal();
    await until(() => bench.database.ready);
    const lost = jest.spyOn(bench.database, 'transaction');
    lost.mockImplementationOnce((work) => Database.prototype.transaction.call(bench.database, work));
    lost.mockRejectedValueOnce(ComponentError.database('DATABASE_UNAVAILABLE'));
    await expect(look()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    lost.mockRestore();
    await outage();
    for (const _ of [1, 2]) await look();
    await until(() => !alone.busy);
    expect(bench.words()).toEqual(['trigger database']);
  });

  it('is told once where a commit without an answer had stored the message, which nobody has taken', async () => {
    const { look, outage: alone } = bench.createNode();
    await outage();
    for (const _ of [1, 2]) await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    await healed();
    const [{ alert_id, ...told }] = bench.told() as [AlertNotice];
    await bench.database.query(
      `INSERT INTO alerts (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, notified_at, flaps)
       VALUES ($1, $2, $3, $4, $5, 'firing', $6, '{}', now(), now(), now(), 0)`,
      [alert_id, told.rule, told.group, told.component, told.severity, told.summary],
    );
    await bench.database.query(
      `INSERT INTO alert_deliveries (id, alert_id, action, channel, notice, status)
       VALUES (gen_random_uuid(), $1, 'trigger', 'webhook', $2, 'pending')`,
      [alert_id, JSON.stringify({ alert_id, ...told })],
    );
    await look();
    const messages = await bench.database.query<{ status: string }>('SELECT status FROM alert_deliveries ORDER BY 1');
    expect(messages.map(({ status }) => status)).toEqual(['cancelled', 'sent']);
  });

  it('is told of when its trouble has lasted, and not before', async () => {
    const { look } = bench.createNode({ ALERT_WAIT_MS: '300' });
    await outage();
    await look();
    expect(bench.told()).toEqual([]);
    await until(async () => {
      await look();
      return bench.peer.received.length > 0;
    });
    expect(bench.words()).toEqual(['trigger database']);
  });

  it('what a killed process had told is known to the next, with the database still away', async () => {
    const killed = bench.createNode();
    await outage();
    await killed.look();
    await until(() => bench.peer.received.length === 1 && !killed.outage.busy);
    const next = bench.createNode();
    await next.look();
    await healed();
    await next.look();
    expect(bench.words()).toEqual(['trigger database']);
    expect(await bench.database.query(`SELECT rule, status FROM alerts WHERE group_key = 'database'`)).toEqual([
      { rule: 'component-failed', status: 'firing' },
    ]);
  });

  it('waits until its trouble has lasted, and forgets what has not', async () => {
    const { look, outage: alone } = bench.createNode({ ALERT_WAIT_MS: '200' });
    await outage();
    bench.health = { ...bench.health, provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    expect(bench.peer.received).toHaveLength(0);
    bench.health = { database: failed('DATABASE_UNAVAILABLE') };
    await new Promise((resolve) => setTimeout(resolve, 210));
    await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    expect(bench.words()).toEqual(['trigger database']);
  });

  it('critical failures alert by what this process remembers', async () => {
    const { look, feed, outage: alone } = bench.createNode();
    await outage();
    bench.health = {};
    const failure = {
      reason: 'SPOOL_WRITE_FAILED',
      component: 'Integration',
      severity: 'critical',
      operation: 'x',
      count: 1,
    };
    feed.publish({ ...failure, occurred_at: new Date().toISOString(), support_code: 'C' } as FailureRecord);
    await look();
    await until(() => bench.peer.received.length === 1 && !alone.busy);
    expect(bench.told()[0]).toMatchObject({ rule: 'critical-failure', details: { support_code: 'C' } });
  });

  it('what was open before is not told again', async () => {
    const { look } = bench.createNode();
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await outage();
    bench.health = { provider: failed('PROVIDER_UNAVAILABLE') };
    await look();
    await healed();
    await look();
    expect(bench.words()).toEqual(['trigger provider']);
  });

  it.each([
    ['before', true],
    ['in', false],
  ])(
    'what began %s the outage and ended in it is told to be over when the database is back, once',
    async (_, early) => {
      const [one, other] = [
        bench.createNode(),
        bench.createNode({ DATA_DIR: await mkdtemp(join(bench.dataDir, 'other-')) }),
      ];
      const provider = { provider: failed('PROVIDER_UNAVAILABLE') };
      bench.health = early ? provider : {};
      for (const node of [one, other]) await node.look();
      await outage();
      bench.health = provider;
      await one.look();
      await until(() => bench.peer.received.length === 1 && !one.outage.busy);
      bench.health = {};
      jest.useFakeTimers({ now: Date.now() + 11_000, doNotFake: ['setTimeout', 'setImmediate', 'nextTick'] });
      for (const node of [one, other]) await node.look();
      jest.useRealTimers();
      await healed();
      for (const node of [one, other, one, other]) await node.look();
      expect(bench.words()).toEqual(['trigger provider', 'resolve provider']);
    },
  );
});
