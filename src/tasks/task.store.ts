import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

/** What is known of a task. Times in ISO 8601; null for what has not happened. */
export interface TaskState {
  readonly name: string;
  readonly scope: 'cluster' | 'process';
  readonly every_ms: number;
  readonly attempts: number;
  readonly last_started_at: string | null;
  readonly last_success_at: string | null;
  readonly last_failed_at: string | null;
  readonly next_due_at: string | null;
  /** Attempts since the last success. */
  readonly consecutive_failures: number;
  /** Since when the attempts of a run are used up without a success after it. */
  readonly failing_since: string | null;
  /** Of the last failed attempt since the last success. */
  readonly support_code: string | null;
  /** A run has begun and not ended; its retries belong to it. */
  readonly running: boolean;
  /** True where the task should have begun by now. */
  readonly overdue: boolean;
}

type Row = Omit<TaskState, 'scope' | 'attempts'>;

/** How late a task may begin before that is noticed: ten seconds, or a tenth of its period. */
const GRACE = `greatest(interval '10 seconds', every_ms * interval '0.1 milliseconds')`;
const RESCHEDULE_AGAIN = `interval '30 seconds'`;
const FREE = `held_until IS NULL OR held_until < now()`;

const iso = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column}`;

const STATES = `
SELECT name, every_ms, consecutive_failures, support_code,
  ${['last_started_at', 'last_success_at', 'last_failed_at', 'next_due_at', 'failing_since'].map(iso).join(', ')},
  coalesce(held_until > now(), false) AS running,
  (${FREE}) AND next_due_at + ${GRACE} < now() AS overdue
FROM background_tasks ORDER BY name`;

const CLAIM = `
UPDATE background_tasks SET holder = $2, held_until = now() + $3 * interval '1 millisecond', last_started_at = now(),
  next_due_at = now() + every_ms * interval '1 millisecond'
WHERE name = $1 AND (holder = $2 OR ${FREE}) RETURNING name`;

const SUCCEEDED = `
UPDATE background_tasks t SET holder = NULL, held_until = NULL, last_success_at = now(), consecutive_failures = 0,
  failing_since = NULL, support_code = NULL
FROM (SELECT name, consecutive_failures FROM background_tasks WHERE name = $1 FOR UPDATE) before
WHERE t.name = before.name RETURNING before.consecutive_failures`;

const FAILED = `
UPDATE background_tasks SET last_failed_at = now(), consecutive_failures = consecutive_failures + 1, support_code = $3,
  failing_since = CASE WHEN $4::int IS NULL THEN coalesce(failing_since, now()) ELSE failing_since END,
  holder = CASE WHEN $4::int IS NULL THEN NULL ELSE $2 END, held_until = now() + $4 * interval '1 millisecond'
WHERE name = $1 AND holder = $2`;

/** The state of cluster tasks, and who runs them. Times are by the database's clock. */
@Injectable()
export class TaskStore {
  constructor(private readonly database: Database) {}

  async states(): Promise<Row[]> {
    return this.database.query<Row>(STATES);
  }

  /** Makes the task known; its first due time is now. */
  async register(name: string, everyMs: number): Promise<void> {
    await this.database.query(
      `INSERT INTO background_tasks AS t (name, every_ms, next_due_at) VALUES ($1, $2, now())
       ON CONFLICT (name) DO UPDATE SET every_ms = excluded.every_ms, next_due_at = excluded.next_due_at
       WHERE t.every_ms <> excluded.every_ms`,
      [name, everyMs],
    );
  }

  /**
   * Takes the task for a job and for so long; a job keeps it through its retries.
   * @returns false when another job has it
   */
  async claim(name: string, jobId: string, ms: number): Promise<boolean> {
    return (await this.database.query(CLAIM, [name, jobId, ms])).length > 0;
  }

  /** @returns how many attempts had failed before this success */
  async succeeded(name: string): Promise<number> {
    const [row] = await this.database.query<{ consecutive_failures: number }>(SUCCEEDED, [name]);
    return row?.consecutive_failures ?? 0;
  }

  /** @param keepMs how long the job keeps the task for its next attempt; null: there is none */
  async failed(name: string, jobId: string, supportCode: string, keepMs: number | null): Promise<void> {
    await this.database.query(FAILED, [name, jobId, supportCode, keepMs]);
  }

  /** Takes the right to schedule an overdue task anew; one process has it, once in half a minute. */
  async mayReschedule(name: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE background_tasks SET rescheduled_at = now() WHERE name = $1 AND (${FREE}) AND next_due_at + ${GRACE} < now()
         AND (rescheduled_at IS NULL OR rescheduled_at < now() - ${RESCHEDULE_AGAIN}) RETURNING name`,
      [name],
    );
    return rows.length > 0;
  }
}
