import { Injectable } from '@nestjs/common';
import { bodyOfRecord, FailureRecordStore, type FailureFilter, type FailureGroup, type FailureRecord } from '../errors';
import { Database } from './database';
import { NotificationSink } from './notification-sink';
import type { Transaction } from './sql';

const COLUMNS = `support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, user_id, thread_id, run_id,
  job_id, trace_id, source, retry_after_ms, details, private_details, root_cause, stack, health, notify, locale`;

const SAVE = `
INSERT INTO error_records AS r (${COLUMNS})
SELECT ${COLUMNS} FROM jsonb_populate_recordset(NULL::error_records, $1::jsonb)
ON CONFLICT (support_code) DO UPDATE
  SET count = greatest(r.count, excluded.count), last_at = greatest(r.last_at, excluded.last_at)
RETURNING support_code, (xmax = 0) AS inserted`;

const MATCHING = `
FROM error_records
WHERE ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR component = $2) AND ($3::text IS NULL OR severity = $3)
  AND ($4::text IS NULL OR user_id = $4) AND ($5::uuid IS NULL OR run_id = $5) AND ($6::timestamptz IS NULL OR occurred_at >= $6)
  AND ($7::timestamptz IS NULL OR (occurred_at <= $7 AND (occurred_at, support_code COLLATE "C") < ($7, coalesce($8::text, ''))))
  AND ($9::int IS NULL OR code = $9) AND ($10::text IS NULL OR fingerprint = $10)`;

const LIST = `SELECT ${COLUMNS} ${MATCHING} ORDER BY occurred_at DESC, support_code COLLATE "C" DESC LIMIT $11`;

const GROUPS = `
SELECT fingerprint, code, reason, component, operation, severity, sum(count)::int AS count, count(DISTINCT user_id)::int AS users,
  min(occurred_at) AS first_at, max(last_at) AS last_at, (array_agg(support_code ORDER BY last_at DESC))[1] AS support_code
${MATCHING} GROUP BY fingerprint, code, reason, component, operation, severity ORDER BY max(last_at) DESC, fingerprint LIMIT $11`;

type GroupRow = Omit<FailureGroup, 'first_at' | 'last_at'> & { first_at: Date; last_at: Date };
type Row = Omit<FailureRecord, 'occurred_at' | 'last_at'> & { occurred_at: Date; last_at: Date };

/** Failure records in PostgreSQL; the notification a record carries commits with it. */
@Injectable()
export class PostgresFailureRecordStore extends FailureRecordStore {
  constructor(
    private readonly database: Database,
    private readonly notifications: NotificationSink,
  ) {
    super();
  }

  override get ready(): boolean {
    return this.database.ready;
  }

  override async save(records: readonly FailureRecord[]): Promise<void> {
    // One lock order for batches of several processes, and no row twice in one statement.
    const unique = [...new Map(records.map((record) => [record.support_code, record])).values()];
    const sorted = unique.sort((a, b) => (a.support_code < b.support_code ? -1 : 1));
    await this.database.transaction(async (tx) => {
      const saved = await tx.query<{ support_code: string; inserted: boolean }>(SAVE, [JSON.stringify(sorted)]);
      const inserted = new Set(saved.filter((row) => row.inserted).map((row) => row.support_code));
      await this.notifyUsers(
        tx,
        sorted.filter((record) => inserted.has(record.support_code)),
      );
    });
  }

  override async find(supportCode: string): Promise<FailureRecord | null> {
    const [row] = await this.database.query<Row>(`SELECT ${COLUMNS} FROM error_records WHERE support_code = $1`, [
      supportCode,
    ]);
    return row === undefined ? null : recordOf(row);
  }

  override async list(filter: FailureFilter): Promise<FailureRecord[]> {
    return (await this.database.query<Row>(LIST, valuesOf(filter))).map(recordOf);
  }

  override async groups(filter: FailureFilter): Promise<FailureGroup[]> {
    const rows = await this.database.query<GroupRow>(GROUPS, valuesOf(filter));
    return rows.map((row) => ({
      ...row,
      first_at: row.first_at.toISOString(),
      last_at: row.last_at.toISOString(),
    }));
  }

  /** Takes out of the records of a thread what may quote its content: they keep what failed, when, and for whom. */
  async forgetThread(tx: Transaction, threadId: string): Promise<void> {
    await tx.query(
      `UPDATE error_records SET private_details = '{}', details = '{}', root_cause = NULL, stack = NULL
       WHERE thread_id = $1 OR run_id IN (SELECT id FROM runs WHERE thread_id = $1)`,
      [threadId],
    );
  }

  /** Takes out of the user's records who it was, and all that may tell. */
  async forgetUser(tx: Transaction, userId: string): Promise<void> {
    await tx.query(
      `UPDATE error_records SET user_id = NULL, source = NULL, private_details = '{}', details = '{}', root_cause = NULL, stack = NULL
       WHERE user_id = $1`,
      [userId],
    );
  }

  private async notifyUsers(tx: Transaction, records: readonly FailureRecord[]): Promise<void> {
    const owed = records.filter((record) => record.notify && record.user_id !== null);
    if (owed.length === 0) return;
    const active = await lockActiveRuns(tx, owed);
    const told = owed.map((record) => {
      const body = bodyOfRecord(record);
      // Nothing of a run follows its terminal event: what is told later belongs to the thread alone.
      const run_id = body.run_id !== null && active.has(body.run_id) ? body.run_id : null;
      return { user_id: record.user_id ?? '', error: { ...body, run_id } };
    });
    await this.notifications.notify(tx, told);
  }
}

/** Keeps the runs that have not ended from ending before the notifications are written. Runs are locked before mailboxes, by id. */
async function lockActiveRuns(tx: Transaction, records: readonly FailureRecord[]): Promise<ReadonlySet<string>> {
  const ids = records.flatMap(({ run_id }) => run_id ?? []);
  const rows = await tx.query<{ id: string }>(
    'SELECT id FROM runs WHERE id = ANY($1::uuid[]) AND finished_at IS NULL ORDER BY id FOR SHARE',
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

function recordOf(row: Row): FailureRecord {
  return { ...row, occurred_at: row.occurred_at.toISOString(), last_at: row.last_at.toISOString() };
}

function valuesOf(filter: FailureFilter): unknown[] {
  const {
    reason,
    component,
    severity,
    user_id,
    run_id,
    since,
    before,
    before_code,
    code,
    fingerprint,
    limit = 50,
  } = filter;
  const narrowing = [reason, component, severity, user_id, run_id, since, before, before_code, code, fingerprint];
  return [...narrowing.map((value) => value ?? null), limit];
}
