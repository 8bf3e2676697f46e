import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { SendFailure } from '../../outbound';
import { Database, type Transaction } from '../../persistence';
import type { RoundJob } from '../recovery-queue';
import type { Recovery } from '../recovery.store';
import type { Digest, DigestItem } from './digest';
import type { ChannelName } from './fallback-channel';

/** A delivery that is still to be made. */
export interface Delivery {
  readonly id: string;
  readonly channel: ChannelName;
  /** Tries before this one. */
  readonly round: number;
  readonly user_id: string;
  /** The last event that is known to the user, or no longer there. */
  readonly read_to: number;
  readonly to_seq: number;
  readonly epoch: string;
  readonly email: string | null;
  readonly locale: string | null;
  readonly since: Date;
}

export type DeliveryEnd = 'sent' | 'failed' | 'dropped';

interface ItemRow extends Omit<DigestItem, 'id' | 'timestamp'> {
  readonly seq: number;
  readonly created_at: Date;
  readonly total: number;
}

const MAX_ITEMS = 50;
const MAX_TEXT_CHARS = 280;

/** What a digest tells of; nothing of a thread that was deleted. */
const TOLD = `e.type IN ('agent_completed', 'agent_failed', 'agent_cancelled', 'input_required', 'notification')
  AND (e.thread_id IS NULL OR EXISTS (SELECT 1 FROM threads t WHERE t.id = e.thread_id))`;

const FIND = `
SELECT d.id, d.channel, d.round, r.user_id, d.to_seq, m.epoch, m.email, m.locale, r.since,
  greatest(r.from_seq - 1, m.trimmed_to, (SELECT max(p.position) FROM mailbox_positions p WHERE p.user_id = m.user_id)) AS read_to
FROM fallback_deliveries d JOIN recoveries r ON r.id = d.recovery_id JOIN mailboxes m USING (user_id)
WHERE d.id = $1 AND d.round = $2 AND d.ended_at IS NULL`;

const REOPEN = `UPDATE fallback_deliveries SET state = 'pending', ended_at = NULL, problem = NULL, support_code = NULL, next_at = now()`;

/** Of an error only what it says to users; of content only the beginning. */
const ITEMS = `
SELECT seq, type, thread_id, run_id, created_at, count(*) OVER ()::int AS total,
  left(coalesce(
    CASE type
      WHEN 'input_required' THEN data ->> 'prompt'
      WHEN 'agent_failed' THEN data #>> '{error,user_notification,user_friendly_message}'
      WHEN 'notification' THEN data #>> '{user_notification,user_friendly_message}'
      ELSE data ->> 'content' END, ''), ${MAX_TEXT_CHARS}) AS text,
  data #>> '{error,support_code}' AS support_code
FROM mailbox_events e WHERE user_id = $1 AND seq > $2 AND seq <= $3 AND ${TOLD} ORDER BY seq DESC LIMIT ${MAX_ITEMS}`;

/** Digests on their way out. What they say is read when they are sent: what was erased or received meanwhile is not in them. */
@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /** A delivery by each channel of everything that is in the mailbox now; none where a digest would be empty, or has nowhere to go. */
  async begin(tx: Transaction, recovery: Recovery, channels: readonly ChannelName[]): Promise<RoundJob[]> {
    const { id, user_id, from_seq, head } = recovery;
    return tx.query<RoundJob>(
      `INSERT INTO fallback_deliveries (id, recovery_id, channel, to_seq, next_at, dispatch)
       SELECT c.id, $3, c.channel, $6, now(), 1 FROM unnest($1::uuid[], $2::text[]) AS c (id, channel) JOIN mailboxes m ON m.user_id = $4
       WHERE (c.channel <> 'email' OR m.email IS NOT NULL)
         AND EXISTS (SELECT 1 FROM mailbox_events e WHERE e.user_id = $4 AND e.seq >= $5 AND ${TOLD})
       RETURNING id, round, dispatch, 0 AS delay_ms`,
      [channels.map(() => uuidv7()), channels, id, user_id, from_seq, head],
    );
  }

  /** The delivery, if this round of it is still to be done. */
  async find(id: string, round: number): Promise<Delivery | null> {
    const [delivery] = await this.database.query<Delivery>(FIND, [id, round]);
    return delivery ?? null;
  }

  /** One more try at a delivery that has failed in this very round, whose job somebody has retried; says whether there is one. */
  async reopen(id: string, round: number): Promise<boolean> {
    const rows = await this.database.query(
      `${REOPEN}, round = round - 1 WHERE id = $1 AND state = 'failed' AND round = $2 + 1 RETURNING 1`,
      [id, round],
    );
    return rows.length > 0;
  }

  /** All tries anew at a delivery that has failed, with the same id; undefined where none has. */
  async resend(tx: Transaction, id: string): Promise<RoundJob | undefined> {
    const [job] = await tx.query<RoundJob>(
      `${REOPEN}, round = 0, dispatch = dispatch + 1 WHERE id = $1 AND state = 'failed' RETURNING id, round, dispatch, 0 AS delay_ms`,
      [id],
    );
    return job;
  }

  /** What the delivery has to say; null for nothing. */
  async digest({ id, user_id, read_to, to_seq, epoch, email, locale, since }: Delivery): Promise<Digest | null> {
    const rows = await this.database.query<ItemRow>(ITEMS, [user_id, read_to, to_seq]);
    const [latest] = rows;
    if (latest === undefined) return null;
    const items = rows.reverse().map(({ seq, created_at, type, thread_id, run_id, text, support_code }) => {
      const timestamp = created_at.toISOString();
      return { id: `${epoch}:${seq}`, type, timestamp, thread_id, run_id, text, support_code };
    });
    return { id, user_id, email, locale, since: since.toISOString(), items, omitted: latest.total - items.length };
  }

  /** The next try, in so many milliseconds; null if somebody else has made this one. */
  async again({ id, round }: Delivery, delayMs: number, problem: SendFailure): Promise<RoundJob | null> {
    const [job] = await this.database.query<RoundJob>(
      `UPDATE fallback_deliveries
       SET round = round + 1, dispatch = dispatch + 1, next_at = now() + $3::float8 * interval '1 millisecond', problem = $4
       WHERE id = $1 AND round = $2 AND ended_at IS NULL RETURNING id, round, dispatch, $3::float8 AS delay_ms`,
      [id, round, delayMs, JSON.stringify(problem)],
    );
    return job ?? null;
  }

  /** Records how it went; false if somebody else has, or the user was erased. */
  async end(
    { id, round }: Delivery,
    state: DeliveryEnd,
    more: { problem?: SendFailure; supportCode?: string } = {},
  ): Promise<boolean> {
    const problem = more.problem === undefined ? null : JSON.stringify(more.problem);
    const rows = await this.database.query(
      `UPDATE fallback_deliveries SET state = $3, ended_at = now(), round = round + 1, problem = $4, support_code = $5
       WHERE id = $1 AND round = $2 AND ended_at IS NULL RETURNING 1`,
      [id, round, state, problem, more.supportCode ?? null],
    );
    return rows.length > 0;
  }
}
