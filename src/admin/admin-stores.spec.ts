import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import { AuditStore, Database } from '../persistence';
import { FailureSeriesStore } from './failure-series.store';
import { HealthSeriesStore } from './health-series.store';
import { AdminRetention } from './retention.task';
import { StatisticsRollUp } from './statistics-rollup.task';

const NEVER = new AbortController().signal;

let postgres: TestDatabase;
let database: Database;

beforeEach(async () => {
  postgres = await createTestDatabase();
  database = new Database({ poolSize: 2, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 });
  database.connect(postgres.url);
  database.markOpened();
});

afterEach(async () => {
  await database.close();
  await postgres.drop();
});

async function record(reason: string, age: string, count = 1): Promise<void> {
  await database.query(
    `INSERT INTO error_records (support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, details, private_details, notify)
     VALUES ($1, 1005, $2, 'Database', 'error', 'f', 'a.test', now() - $3::interval, now() - $3::interval, $4, '{}', '{}', false)`,
    [`${reason}_${randomUUID()}`, reason, age, count],
  );
}

describe('the series of failures', () => {
  const DAY = { since: new Date('2026-03-01T00:00:00Z'), until: new Date('2026-03-02T00:00:00Z') };
  const statistic = (hour: string, reason: string, count: number) =>
    database.query('INSERT INTO failure_statistics (hour, reason, component, count) VALUES ($1, $2, $3, $4)', [
      hour,
      reason,
      'Database',
      count,
    ]);

  it('adds hours up to days, the most frequent first, and leaves no time out', async () => {
    await statistic('2026-02-27T23:00:00Z', 'A', 100);
    await statistic('2026-02-28T00:00:00Z', 'A', 1);
    await statistic('2026-02-28T23:00:00Z', 'A', 2);
    await statistic('2026-03-01T12:00:00Z', 'B', 9);
    await statistic('2026-03-02T00:00:00Z', 'A', 100);
    const since = new Date('2026-02-28T05:00:00Z');
    expect(
      await new FailureSeriesStore(database).read({ bucket: 'day', by: 'reason', since, until: DAY.until }),
    ).toEqual({
      times: ['2026-02-28T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
      series: [
        { name: 'B', counts: [0, 9] },
        { name: 'A', counts: [3, 0] },
      ],
    });
  });

  it('adds up what is beyond the twenty most frequent', async () => {
    for (let i = 0; i < 22; i++) await statistic('2026-03-01T12:00:00Z', `R${String(i).padStart(2, '0')}`, 100 - i);
    const { series } = await new FailureSeriesStore(database).read({ bucket: 'day', by: 'reason', ...DAY });
    expect(series).toHaveLength(21);
    expect(series.at(-1)).toEqual({ name: 'other', counts: [80 + 79] });
  });

  it('has what the roll-up counted, also when that is done again', async () => {
    await record('DATABASE_TIMEOUT', '1 minute', 3);
    const rollUp = new StatisticsRollUp(database);
    await rollUp.run();
    await record('DATABASE_TIMEOUT', '1 minute', 2);
    await rollUp.run();
    const [since, until] = [new Date(Date.now() - 7_200_000), new Date()];
    const { series } = await new FailureSeriesStore(database).read({ bucket: 'hour', by: 'component', since, until });
    expect(series.map(({ name, counts }) => [name, counts.reduce((sum, count) => sum + count, 0)])).toEqual([
      ['Database', 5],
    ]);
  });
});

describe('admin.retention', () => {
  const COUNTS = `
    SELECT (SELECT count(*)::int FROM error_records) AS records, (SELECT count(*)::int FROM health_samples) AS samples,
      (SELECT count(*)::int FROM alerts) AS alerts, (SELECT count(*)::int FROM alert_deliveries) AS deliveries,
      (SELECT count(*)::int FROM silences) AS silences, (SELECT count(*)::int FROM failure_statistics) AS hours, (SELECT count(*)::int FROM audit_log) AS audit`;

  async function everything(age: string): Promise<void> {
    await record('A', age);
    await database.query(
      `INSERT INTO health_samples (component, process, at, status, figures) VALUES ('database', $2, now() - $1::interval, 'healthy', '{}')`,
      [age, randomUUID()],
    );
    const id = uuidv7();
    await database.query(
      `INSERT INTO alerts (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, resolved_at, flaps)
       VALUES ($2, 'r', 'g', 'database', 'error', 'resolved', '', '{}', now() - $1::interval, now(), now() - $1::interval, 0)`,
      [age, id],
    );
    await database.query(
      `INSERT INTO alert_deliveries (id, alert_id, action, channel, notice, status, ended_at) VALUES ($2, $2, 'trigger', 'slack', '{}', 'sent', now() - $1::interval)`,
      [age, id],
    );
    await database.query(
      `INSERT INTO silences (id, author, comment, ends_at) VALUES ($2, 'root', '', now() - $1::interval)`,
      [age, id],
    );
    await database.query(
      `INSERT INTO failure_statistics (hour, reason, component, count) VALUES (now() - $1::interval, 'A', 'Database', 1)`,
      [age],
    );
    await database.query(
      `INSERT INTO audit_log (id, at, actor, action, subject) VALUES ($2, now() - $1::interval, 'root', 'task_run', 'x')`,
      [age, id],
    );
  }

  const retention = () => new AdminRetention(database, loadConfig({ ERROR_RETENTION_DAYS: '30' }));

  it('removes what is older than its age, and nothing younger', async () => {
    await everything('6 days');
    await retention().run(NEVER);
    const young = { records: 1, samples: 1, alerts: 1, deliveries: 1, silences: 1, hours: 1, audit: 1 };
    expect(await database.query(COUNTS)).toEqual([young]);
    await everything('31 days');
    await retention().run(NEVER);
    expect(await database.query(COUNTS)).toEqual([
      { ...young, alerts: 2, deliveries: 2, silences: 2, hours: 2, audit: 2 },
    ]);
    await everything('401 days');
    await retention().run(NEVER);
    expect(await database.query(COUNTS)).toEqual([
      { ...young, alerts: 2, deliveries: 2, silences: 2, hours: 2, audit: 2 },
    ]);
  });

  it('keeps what has not ended, however old', async () => {
    await database.query(
      `INSERT INTO alerts (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, flaps)
       VALUES ($1, 'r', 'g', 'database', 'error', 'firing', '', '{}', now() - interval '2 years', now(), 0)`,
      [uuidv7()],
    );
    await retention().run(NEVER);
    expect(await database.query('SELECT status FROM alerts')).toEqual([{ status: 'firing' }]);
  });
});

describe('the history of a component', () => {
  const at = (second: number) => new Date(Date.parse('2026-03-01T10:00:00Z') + second * 1_000);
  const sample = (process: string, second: number, status: string, latency: number | null = 4, active = 1) =>
    database.query(
      `INSERT INTO health_samples (component, process, at, status, latency_ms, figures) VALUES ('database', $1, $2, $3, $4, $5)`,
      [process, at(second), status, latency, { 'pool.active': active }],
    );
  const read = (more: object = {}) =>
    new HealthSeriesStore(database).read({
      component: 'database',
      figure: 'latency_ms',
      since: at(0),
      until: at(60),
      limit: 3,
      ...more,
    });

  it('has the worst status and the mean of each bucket, by process, and leaves no time out', async () => {
    await sample('a:1', -1, 'failed');
    await sample('a:1', 0, 'healthy', 3);
    await sample('a:1', 10, 'failed', 800);
    await sample('a:1', 19, 'degraded', null);
    await sample('a:1', 50, 'degraded', 7);
    await sample('a:1', 60, 'failed');
    await sample('b:2', 30, 'healthy', 5);
    expect(await read()).toEqual({
      component: 'database',
      figure: 'latency_ms',
      bucket_ms: 20_000,
      times: [0, 20, 40].map((second) => at(second).toISOString()),
      series: [
        { process: 'a:1', statuses: ['failed', null, 'degraded'], values: [401.5, null, 7] },
        { process: 'b:2', statuses: [null, 'healthy', null], values: [null, 5, null] },
      ],
    });
  });

  it('has any figure, at most as many points as are wanted or sampled, and other components not', async () => {
    await sample('a:1', 5, 'healthy', 3, 12);
    const { bucket_ms, times, series } = await read({ figure: 'pool.active', limit: 1_000 });
    expect([bucket_ms, times.length]).toEqual([10_000, 6]);
    expect(series[0]!.values).toEqual([12, null, null, null, null, null]);
    expect((await read({ limit: 1 })).times).toHaveLength(1);
    expect((await read({ figure: 'no.such' })).series[0]!.values).toEqual([null, null, null]);
    expect((await read({ component: 'redis' })).series).toEqual([]);
  });

  it('shows the twenty processes that were seen last', async () => {
    for (let i = 0; i < 22; i++) await sample(`p${String(i).padStart(2, '0')}`, i < 20 ? 45 : 5, 'healthy');
    const names = (await read()).series.map(({ process }) => process);
    expect(names).toEqual(Array.from({ length: 20 }, (_, i) => `p${String(i).padStart(2, '0')}`));
  });
});

describe('the audit log', () => {
  it('is listed newest first, by who, what and to what, page by page', async () => {
    const audit = new AuditStore(database);
    const add = (actor: string, subject: string) =>
      database.transaction((tx) => audit.add(tx, { actor, action: 'task_run', subject }));
    for (const subject of ['a', 'b', 'c']) await add('root', subject);
    await add('sue', 'a');
    const subjects = async (filter: object) =>
      (await audit.list({ limit: 10, ...filter })).map(({ actor, subject }) => `${actor} ${subject}`);
    expect(await subjects({})).toEqual(['sue a', 'root c', 'root b', 'root a']);
    expect(await subjects({ actor: 'sue' })).toEqual(['sue a']);
    expect(await subjects({ subject: 'a', action: 'task_run' })).toEqual(['sue a', 'root a']);
    expect(await subjects({ action: 'user_erased' })).toEqual([]);
    const [first] = await audit.list({ limit: 1 });
    expect(await subjects({ before: first!.id, limit: 2 })).toEqual(['root c', 'root b']);
  });
});
