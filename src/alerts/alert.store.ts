import { Injectable } from '@nestjs/common';
import { Database, type Sql, type Transaction } from '../persistence';
import type { Silence } from './evaluate';
import { type AlertState, FLAP_WINDOW_MS } from './lifecycle';
import { type FailureCount, FAILURE_WINDOW_MS, type TaskTrouble } from './rules';

const ms = (column: string, as = column): string => `(extract(epoch FROM ${column}) * 1000)::float8 AS ${as}`;

const COLUMNS = `id, rule, group_key AS "group", component, severity, status, summary, details, ${ms('opened_at')},
  ${ms('last_seen_at')}, ${ms('notified_at')}, ${ms('resolved_at')}, acknowledged_by, flaps, muted_by`;

const KNOWN = `
SELECT DISTINCT ON (rule, group_key) ${COLUMNS} FROM alerts
WHERE status <> 'resolved' OR resolved_at > to_timestamp($1 / 1000.0)
ORDER BY rule, group_key, (status <> 'resolved') DESC, resolved_at DESC`;

/** An alert that another process has opened for the same rule and group meanwhile stays. */
const SAVE = `
INSERT INTO alerts AS a (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, notified_at, resolved_at,
  acknowledged_by, flaps, muted_by)
SELECT id, rule, "group", component, severity, status, summary, details, to_timestamp(opened_at / 1000.0), to_timestamp(last_seen_at / 1000.0),
  to_timestamp(notified_at / 1000.0), to_timestamp(resolved_at / 1000.0), acknowledged_by, flaps, muted_by
FROM jsonb_to_recordset($1::jsonb) AS s (id uuid, rule text, "group" text, component text, severity text, status text, summary text, details jsonb,
  opened_at float8, last_seen_at float8, notified_at float8, resolved_at float8, acknowledged_by text, flaps int, muted_by text)
WHERE NOT EXISTS (SELECT 1 FROM alerts o WHERE o.rule = s.rule AND o.group_key = s."group" AND o.status <> 'resolved' AND o.id <> s.id)
ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, status = excluded.status, summary = excluded.summary, details = excluded.details,
  last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at), notified_at = excluded.notified_at, resolved_at = excluded.resolved_at,
  muted_by = excluded.muted_by`;

const FAILURES = `
SELECT reason, component, severity, (array_agg(operation ORDER BY last_at DESC))[1] AS operation, sum(count)::int AS count,
  ${ms('max(last_at)', 'at')}, (array_agg(support_code ORDER BY last_at DESC))[1] AS support_code
FROM error_records WHERE occurred_at >= to_timestamp($1 / 1000.0) AND severity IN ('critical', 'error')
GROUP BY reason, component, severity, date_bin('5 seconds', last_at, 'epoch')`;

const TASKS = `
SELECT name, failing_since IS NULL AS overdue, consecutive_failures AS failures, support_code FROM background_tasks
WHERE failing_since IS NOT NULL OR ((held_until IS NULL OR held_until < now())
  AND next_due_at + greatest(interval '30 seconds', every_ms * interval '0.2 milliseconds') < now())`;

/** One evaluation at a time, of all processes. */
const EVALUATION_LOCK = 0x616c6572;

/** Alerts, and what they are judged by, in PostgreSQL. */
@Injectable()
export class AlertStore {
  constructor(private readonly database: Database) {}

  get ready(): boolean {
    return this.database.ready;
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  /** Runs `work` while no other process evaluates, with the time by the database's clock; null where one does. */
  alone<T>(work: (tx: Transaction, now: number) => Promise<T>): Promise<T | null> {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ locked: boolean; now: number }>(
        `SELECT pg_try_advisory_xact_lock($1) AS locked, ${ms('now()', 'now')}`,
        [EVALUATION_LOCK],
      );
      return row?.locked === true ? work(tx, row.now) : null;
    });
  }

  /** The last alert of each rule and group that is open, or ended not long ago. */
  known(tx: Sql, now: number): Promise<AlertState[]> {
    return tx.query<AlertState>(KNOWN, [now - FLAP_WINDOW_MS]);
  }

  silences(tx: Sql): Promise<Silence[]> {
    return tx.query<Silence>('SELECT id, rule, group_key FROM silences WHERE ends_at > now()');
  }

  failures(tx: Sql, now: number): Promise<FailureCount[]> {
    return tx.query<FailureCount>(FAILURES, [now - FAILURE_WINDOW_MS]);
  }

  tasks(tx: Sql): Promise<TaskTrouble[]> {
    return tx.query<TaskTrouble>(TASKS);
  }

  /** Undefined where the alert is open. */
  async ended(tx: Sql, id: string): Promise<AlertState | undefined> {
    const [alert] = await tx.query<AlertState>(`SELECT ${COLUMNS} FROM alerts WHERE id = $1 AND status = 'resolved'`, [
      id,
    ]);
    return alert;
  }

  async save(tx: Transaction, alerts: readonly AlertState[]): Promise<void> {
    // What has ended makes room for what begins.
    const ended = alerts.filter(({ status }) => status === 'resolved');
    const open = alerts.filter(({ status }) => status !== 'resolved');
    for (const batch of [ended, open]) if (batch.length > 0) await tx.query(SAVE, [JSON.stringify(batch)]);
  }

  /** Newest first. */
  list(limit: number): Promise<AlertState[]> {
    return this.database.query<AlertState>(
      `SELECT ${COLUMNS} FROM alerts a ORDER BY (status <> 'resolved') DESC, a.opened_at DESC LIMIT $1`,
      [limit],
    );
  }

  /** @returns the alert as it is then; undefined where none is open under this id */
  async acknowledge(tx: Transaction, id: string, actor: string): Promise<AlertState | undefined> {
    const [alert] = await tx.query<AlertState>(
      `UPDATE alerts SET acknowledged_by = coalesce(acknowledged_by, $2) WHERE id = $1 AND status <> 'resolved' RETURNING ${COLUMNS}`,
      [id, actor],
    );
    return alert;
  }
}
