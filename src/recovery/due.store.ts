import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';
import type { RecoveryQueueName, RoundJob } from './recovery-queue';

const TABLES = { 'message-recovery': 'recoveries', 'fallback-delivery': 'fallback_deliveries' } as const;

/** What both tables of this room have in common: rounds that are due, and rows that have ended. */
@Injectable()
export class DueStore {
  constructor(private readonly database: Database) {}

  /**
   * Rounds that are overdue by `graceMs`: their job was lost, or never enqueued. Each is given a new one, and ten times that long to be done.
   * A job that was merely late stays good: whichever comes first does the round.
   */
  overdue(queue: RecoveryQueueName, graceMs: number, limit: number): Promise<RoundJob[]> {
    const table = TABLES[queue];
    return this.database.query<RoundJob>(
      `UPDATE ${table} SET dispatch = dispatch + 1, next_at = now() + $1::float8 * 9 * interval '1 millisecond'
       WHERE id IN (
         SELECT id FROM ${table} WHERE ended_at IS NULL AND next_at < now() - $1::float8 * interval '1 millisecond'
         ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING id, round, dispatch, 0 AS delay_ms`,
      [graceMs, limit],
    );
  }

  /** Removes recoveries, with their deliveries, that ended so many days ago; at most `limit`, and says how many. */
  async forget(days: number, limit: number): Promise<number> {
    const rows = await this.database.query(
      `DELETE FROM recoveries WHERE id IN (
         SELECT id FROM recoveries WHERE ended_at < now() - $1 * interval '1 day' ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [days, limit],
    );
    return rows.length;
  }

  /** Users who are looked for now. */
  async waiting(): Promise<number> {
    const [row] = await this.database.query<{ waiting: number }>(
      'SELECT count(*)::int AS waiting FROM recoveries WHERE ended_at IS NULL',
    );
    return row?.waiting ?? 0;
  }
}
