import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

/** What is kept of a mailbox: events that are younger, and among the last so many. */
export interface Retention {
  readonly days: number;
  readonly maxEvents: number;
}

const MAILBOXES = `
SELECT user_id, head - trimmed_to > $2 OR EXISTS (
    SELECT 1 FROM mailbox_events e
    WHERE e.user_id = m.user_id AND e.seq = m.trimmed_to + 1 AND e.created_at < now() - $3 * interval '1 day') AS due
FROM mailboxes m WHERE user_id > $1 ORDER BY user_id LIMIT $4`;

/** Up to the first event that is kept: one that retention does not reach, or of a run that has not ended. */
const TRIM = `
WITH page AS (
  SELECT e.seq, (e.seq <= m.head - $2 OR e.created_at < now() - $3 * interval '1 day')
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = e.run_id AND r.finished_at IS NULL) AS goes
  FROM mailboxes m JOIN mailbox_events e ON e.user_id = m.user_id AND e.seq > m.trimmed_to
  WHERE m.user_id = $1 ORDER BY e.seq LIMIT $4
), bound AS (
  SELECT coalesce(min(seq) FILTER (WHERE NOT goes) - 1, max(seq)) AS seq FROM page
), trimmed AS (
  UPDATE mailboxes SET trimmed_to = bound.seq FROM bound WHERE user_id = $1 AND bound.seq > trimmed_to
)
DELETE FROM mailbox_events e USING bound WHERE e.user_id = $1 AND e.seq <= bound.seq RETURNING e.seq`;

/** Removes the oldest events of mailboxes; `trimmed_to` says up to where, so that whoever missed some is told. */
@Injectable()
export class RetentionStore {
  constructor(private readonly database: Database) {}

  /** The mailboxes after `userId`, in their order, and whether there is something to remove. */
  mailboxes(userId: string, keep: Retention, limit: number): Promise<{ user_id: string; due: boolean }[]> {
    return this.database.query(MAILBOXES, [userId, keep.maxEvents, keep.days, limit]);
  }

  /** Removes at most `limit` events; how many it were. */
  trim(userId: string, keep: Retention, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM mailboxes WHERE user_id = $1 FOR UPDATE', [userId]);
      return (await tx.query(TRIM, [userId, keep.maxEvents, keep.days, limit])).length;
    });
  }
}
