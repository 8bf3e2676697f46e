import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database, type Sql, type Transaction } from '../persistence';
import type { AlertAction, AlertNotice } from './notice';

/** One message on one channel. */
export interface Delivery {
  readonly id: string;
  readonly alert_id: string;
  readonly action: AlertAction;
  readonly channel: string;
  readonly target: string | null;
  readonly notice: AlertNotice;
  /** The channel did not take its last message, and is asked by this one whether it takes any. */
  readonly again?: boolean;
}

export type DeliveryEnd = 'sent' | 'failed';

/** Whom the trigger of an alert went to, or goes to. */
export type Recipient = Pick<Delivery, 'channel' | 'target'>;

const INSERT = `
INSERT INTO alert_deliveries (id, alert_id, action, channel, target, notice, status, ended_at)
SELECT id, alert_id, action, channel, target, notice, status, CASE WHEN status = 'pending' AND again IS NOT TRUE THEN NULL ELSE now() END
FROM jsonb_to_recordset($1::jsonb) AS s (id uuid, alert_id uuid, action text, channel text, target text, notice jsonb, status text, again boolean)
ON CONFLICT (id) DO NOTHING`;

/**
 * Messages about one alert on one channel go out in their order. One that has failed is sent again by the job that failed to, once that makes
 * a further attempt: somebody has retried its dead letter. A job that is worked on twice after a crash makes the same attempt.
 */
const CLAIM = `
UPDATE alert_deliveries d SET status = 'pending',
  ended_at = CASE status WHEN 'pending' THEN ended_at END, support_code = CASE status WHEN 'pending' THEN support_code END,
  holder = $2, held_until = now() + interval '2 minutes', attempts = $3
WHERE id = $1 AND (status = 'pending' AND (holder IS NULL OR holder = $2 OR held_until < now())
    OR status = 'failed' AND holder = $2 AND attempts < $3)
  AND NOT EXISTS (SELECT 1 FROM alert_deliveries e WHERE e.alert_id = d.alert_id AND e.channel = d.channel AND e.status = 'pending' AND e.id < d.id)
RETURNING id, alert_id, action, channel, target, notice, ended_at IS NOT NULL AS again`;

/** The last message of each channel, of the last day. One that has ended and is pending is offered again. */
const LAST = `
SELECT DISTINCT ON (channel) id, alert_id, action, channel, target, notice, status, support_code, ended_at FROM alert_deliveries
WHERE status <> 'cancelled' AND ended_at > now() - interval '1 day' ORDER BY channel, ended_at DESC, id DESC`;

/** The end of an alert, for a channel that has heard of its beginning only after it, by hand, and of no end. */
const LATE_END = `
INSERT INTO alert_deliveries (id, alert_id, action, channel, target, notice, status)
SELECT $2, d.alert_id, 'resolve', d.channel, d.target,
  d.notice || jsonb_build_object('action', 'resolve', 'resolved_at', to_char(a.resolved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'pending'
FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.id = $1 AND d.action = 'trigger' AND a.status = 'resolved' AND NOT EXISTS (SELECT 1 FROM alert_deliveries e
  WHERE e.alert_id = d.alert_id AND e.channel = d.channel AND e.action = 'resolve' AND e.status IN ('pending', 'sent'))`;

/** The outbox: messages are stored in the transaction of what they tell of, and sent afterwards. */
@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  async add(tx: Sql, deliveries: readonly (Delivery & { status?: string })[]): Promise<void> {
    if (deliveries.length === 0) return;
    const rows = deliveries.map((delivery) => ({ status: 'pending', ...delivery }));
    await tx.query(INSERT, [JSON.stringify(rows)]);
  }

  /** Of what was sent beside the database: the message that a commit without an answer had stored, which nobody has taken. */
  async cancelTold(tx: Sql, told: readonly (Delivery & { status: string })[]): Promise<void> {
    const sent = told.filter(({ status }) => status === 'sent').map(({ alert_id, action }) => ({ alert_id, action }));
    await tx.query(
      `UPDATE alert_deliveries d SET status = 'cancelled', ended_at = now() FROM jsonb_to_recordset($1::jsonb) AS s (alert_id uuid, action text)
       WHERE d.alert_id = s.alert_id AND d.action = s.action AND d.status = 'pending' AND d.holder IS NULL`,
      [JSON.stringify(sent)],
    );
  }

  /** Where the alert was told of, or is about to be. */
  recipients(tx: Sql, alertId: string): Promise<Recipient[]> {
    return tx.query<Recipient>(
      `SELECT DISTINCT ON (channel) channel, target FROM alert_deliveries
       WHERE alert_id = $1 AND action = 'trigger' AND status IN ('pending', 'sent') ORDER BY channel, id DESC`,
      [alertId],
    );
  }

  /** Takes a message for a job; undefined where it is sent, somebody else has it, or it is not its turn. */
  async claim(id: string, holder: string, attempt: number): Promise<Delivery | undefined> {
    const [delivery] = await this.database.query<Delivery>(CLAIM, [id, holder, attempt]);
    return delivery;
  }

  /** Who held it stays known: that job may be retried. */
  async end(sql: Sql, id: string, status: DeliveryEnd, supportCode: string | null): Promise<void> {
    await sql.query(
      `UPDATE alert_deliveries SET status = $2, ended_at = now(), held_until = NULL, support_code = $3 WHERE id = $1`,
      [id, status, supportCode],
    );
  }

  async sent(id: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.end(tx, id, 'sent', null);
      await tx.query(LATE_END, [id, uuidv7()]);
    });
  }

  /** What would have followed a message that nobody got. */
  async cancelFollowers(tx: Sql, { alert_id, channel }: Delivery): Promise<void> {
    await tx.query(
      `UPDATE alert_deliveries SET status = 'cancelled', ended_at = now() WHERE alert_id = $1 AND channel = $2 AND status = 'pending'`,
      [alert_id, channel],
    );
  }

  async isOpen(tx: Sql, alertId: string): Promise<boolean> {
    const rows = await tx.query(`SELECT 1 FROM alerts WHERE id = $1 AND status <> 'resolved'`, [alertId]);
    return rows.length > 0;
  }

  /** Messages that wait and that nobody sends, oldest first. */
  async idle(limit: number, alertId: string | null = null): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM alert_deliveries WHERE status = 'pending' AND (holder IS NULL OR held_until < now())
         AND ($2::uuid IS NULL OR alert_id = $2) ORDER BY id LIMIT $1`,
      [limit, alertId],
    );
    return rows.map(({ id }) => id);
  }

  /** Messages that were stored so long ago and that nobody has ever taken. */
  async stranded(forMs: number, limit: number): Promise<string[]> {
    // Ids begin with the time at which they were made.
    const before = uuidv7({ msecs: Date.now() - forMs, random: new Uint8Array(16) });
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM alert_deliveries WHERE status = 'pending' AND holder IS NULL AND id < $1 ORDER BY id LIMIT $2`,
      [before, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** How the last message ended on each channel, of the last day. */
  lastEnds(): Promise<{ channel: string; status: DeliveryEnd; support_code: string | null }[]> {
    return this.database.query(
      `SELECT channel, CASE status WHEN 'sent' THEN 'sent' ELSE 'failed' END AS status, support_code FROM (${LAST}) AS last`,
    );
  }

  /** The last message of each channel that did not take it, so long ago. */
  undelivered(tx: Sql, channels: readonly string[], forMs: number): Promise<Delivery[]> {
    return tx.query<Delivery>(
      `SELECT id, alert_id, action, channel, target, notice FROM (${LAST}) AS last
       WHERE status = 'failed' AND channel = ANY($1) AND ended_at < now() - $2 * interval '1 millisecond'`,
      [channels, forMs],
    );
  }

  /** Lets a message that was not taken be sent once more. */
  async reopen(tx: Sql, id: string): Promise<void> {
    await tx.query(
      `UPDATE alert_deliveries SET status = 'pending', holder = NULL WHERE id = $1 AND status = 'failed'`,
      [id],
    );
  }
}

/** A message that is to be stored. Ids are in the order in which they are made. */
export function newDelivery(notice: AlertNotice, { channel, target }: Recipient): Delivery {
  return { id: uuidv7(), alert_id: notice.alert_id, action: notice.action, channel, target, notice };
}
