import { Injectable } from '@nestjs/common';
import { MailboxStore } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import type { RoundJob } from './recovery-queue';

/** A recovery and its user's mailbox, both locked. */
export interface Recovery {
  readonly id: string;
  readonly user_id: string;
  readonly round: number;
  readonly from_seq: number;
  /** How long the first of the events has waited. */
  readonly age_ms: number;
  readonly head: number;
  readonly trimmed_to: number;
  /** How far any device has read. */
  readonly position: number;
  /** Critical events that wait, counted up to a limit. */
  readonly unread: number;
}

export type RecoveryEnd = 'recovered' | 'expired' | 'abandoned';

const MAX_COUNTED = 10_000;

const FURTHEST = 'coalesce((SELECT max(p.position) FROM mailbox_positions p WHERE p.user_id = m.user_id), 0)';

/** Whoever is locked is being written to, or looked at: the next sweep sees them. */
const LOCK_UNREAD = `
SELECT user_id FROM mailboxes WHERE unread_since < now() - $1::float8 * interval '1 millisecond'
ORDER BY unread_since LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`;

/** `unread_since` ends as the time of the first unread critical event that is younger than the first look, else null. */
const BEGIN = `
WITH seen AS (
  SELECT m.user_id, greatest(m.trimmed_to, m.told_to, ${FURTHEST}) AS read_to,
    EXISTS (SELECT 1 FROM recoveries r WHERE r.user_id = m.user_id AND r.ended_at IS NULL) AS under_way
  FROM mailboxes m WHERE m.user_id = ANY($1::text[])
), found AS (
  SELECT s.user_id, e.seq, e.created_at, e.created_at < now() - $2::float8 * interval '1 millisecond' AS due
  FROM seen s LEFT JOIN LATERAL (
    SELECT seq, created_at FROM mailbox_events e
    WHERE e.user_id = s.user_id AND e.seq > s.read_to AND e.critical ORDER BY e.seq LIMIT 1) e ON NOT s.under_way
), settled AS (
  UPDATE mailboxes m SET unread_since = CASE WHEN NOT f.due THEN f.created_at END FROM found f WHERE m.user_id = f.user_id
)
INSERT INTO recoveries (id, user_id, from_seq, since, unread, next_at, dispatch)
SELECT gen_random_uuid(), user_id, seq, created_at, 1, now(), 1 FROM found WHERE due
RETURNING id, round, dispatch, 0 AS delay_ms`;

const LOCKED = `
SELECT r.id, r.user_id, r.round, r.from_seq, (extract(epoch FROM now() - r.since) * 1000)::float8 AS age_ms, m.head, m.trimmed_to,
  ${FURTHEST} AS position,
  (SELECT count(*)::int FROM (
    SELECT 1 FROM mailbox_events e WHERE e.user_id = r.user_id AND e.seq > greatest(r.from_seq - 1, ${FURTHEST}) AND e.critical
    LIMIT ${MAX_COUNTED}) AS counted) AS unread
FROM recoveries r JOIN mailboxes m USING (user_id)
WHERE r.id = $1 AND r.round = $2 AND r.ended_at IS NULL FOR NO KEY UPDATE OF r`;

/** Who is looked for. PostgreSQL is the truth; a job is only what wakes the next look. */
@Injectable()
export class RecoveryStore {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
  ) {}

  /**
   * Begins a recovery for each user whose oldest unread critical event is older than `afterMs`. Looks at `limit` mailboxes that may have such
   * events; `looked` below it says that there are no more. Any number of processes may do it at once.
   */
  begin(afterMs: number, limit: number): Promise<{ looked: number; jobs: RoundJob[] }> {
    return this.database.transaction(async (tx) => {
      const users = await tx.query<{ user_id: string }>(LOCK_UNREAD, [afterMs, limit]);
      if (users.length === 0) return { looked: 0, jobs: [] };
      // A statement of its own: it sees what was committed before the locks were had.
      const jobs = await tx.query<RoundJob>(BEGIN, [users.map(({ user_id }) => user_id), afterMs]);
      return { looked: users.length, jobs };
    });
  }

  /** `work` on the recovery, in a transaction; null if this round of it was done already. The mailbox is locked first, as by erasure. */
  locked<T>(id: string, round: number, work: (tx: Transaction, recovery: Recovery) => Promise<T>): Promise<T | null> {
    return this.database.transaction(async (tx) => {
      const [found] = await tx.query<{ user_id: string }>('SELECT user_id FROM recoveries WHERE id = $1', [id]);
      if (found === undefined) return null;
      await this.mailbox.lock(tx, found.user_id);
      const [recovery] = await tx.query<Recovery>(LOCKED, [id, round]);
      return recovery === undefined ? null : work(tx, recovery);
    });
  }

  /** The next round, in so many milliseconds. */
  async again(tx: Transaction, { id, unread }: Recovery, delayMs: number): Promise<RoundJob> {
    const [job] = await tx.query<RoundJob>(
      `UPDATE recoveries SET round = round + 1, dispatch = dispatch + 1, next_at = now() + $2::float8 * interval '1 millisecond', unread = $3
       WHERE id = $1 RETURNING id, round, dispatch, $2::float8 AS delay_ms`,
      [id, delayMs, unread],
    );
    if (job === undefined) throw new Error('a locked row is there');
    return job;
  }

  /** Ends it. What else may be unread is for the next sweep; an abandoned user is not looked for again because of what there is now. */
  async end(tx: Transaction, { id, user_id, head, unread }: Recovery, state: RecoveryEnd): Promise<void> {
    await tx.query('UPDATE recoveries SET state = $2, ended_at = now(), unread = $3 WHERE id = $1', [
      id,
      state,
      unread,
    ]);
    await tx.query(
      'UPDATE mailboxes SET unread_since = coalesce(unread_since, now()), told_to = greatest(told_to, $2) WHERE user_id = $1',
      [user_id, state === 'abandoned' ? head : 0],
    );
  }
}
