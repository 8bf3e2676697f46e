import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  CRITICAL_EVENTS,
  formatCursor,
  type DurableEvent,
  type DurableEventDataMap,
  type DurableEventType,
} from '@clarion/protocol';
import { ComponentError } from '../errors';
import { Database, type Sql, type Transaction } from '../persistence';
import { UserBus } from './user-bus';

/** An event before the mailbox has given it its place. */
export interface NewEvent<T extends DurableEventType = DurableEventType> {
  readonly type: T;
  readonly data: DurableEventDataMap[T];
  readonly thread_id?: string | null;
  readonly run_id?: string | null;
  readonly attempt?: number | null;
  readonly path?: string | null;
}

/** The state of a user's log: events `trimmed_to + 1` to `head` can be read. */
export interface MailboxState {
  readonly epoch: string;
  readonly head: number;
  readonly trimmed_to: number;
}

interface EventRow {
  seq: number;
  type: DurableEventType;
  thread_id: string | null;
  run_id: string | null;
  attempt: number | null;
  path: string | null;
  critical: boolean;
  data: DurableEventDataMap[DurableEventType];
  created_at: Date;
}

const APPEND = `
WITH mailbox AS (
  INSERT INTO mailboxes AS m (user_id, epoch, head) VALUES ($1, $2, $3)
  ON CONFLICT (user_id) DO UPDATE SET head = m.head + excluded.head
  RETURNING epoch, head
), appended AS (
  INSERT INTO mailbox_events (user_id, seq, type, thread_id, run_id, attempt, path, critical, data)
  SELECT $1, mailbox.head - $3 + e.ordinality, e.type, e.thread_id, e.run_id, e.attempt, e.path, e.critical, e.data
  FROM mailbox, unnest($4::text[], $5::uuid[], $6::uuid[], $7::int[], $8::text[], $9::bool[], $10::jsonb[])
    WITH ORDINALITY AS e (type, thread_id, run_id, attempt, path, critical, data, ordinality)
  RETURNING seq, created_at
)
SELECT mailbox.epoch, appended.seq, appended.created_at FROM mailbox, appended ORDER BY appended.seq`;

const COLUMNS = 'seq, type, thread_id, run_id, attempt, path, critical, data, created_at';

/** The durable event log of every user. */
@Injectable()
export class MailboxStore {
  constructor(
    private readonly database: Database,
    private readonly bus: UserBus,
  ) {}

  /**
   * Appends events in the transaction of what they tell of; the row lock on the mailbox makes commit order `seq` order. Lock threads and
   * runs first. After the commit the user's live channel is told.
   */
  async append(tx: Transaction, userId: string, events: readonly NewEvent[]): Promise<DurableEvent[]> {
    const rows = await tx.query<{ epoch: string; seq: number; created_at: Date }>(APPEND, [
      userId,
      newEpoch(),
      events.length,
      events.map(({ type }) => type),
      events.map((event) => event.thread_id ?? null),
      events.map((event) => event.run_id ?? null),
      events.map((event) => event.attempt ?? null),
      events.map((event) => event.path ?? null),
      events.map(({ type }) => CRITICAL_EVENTS.has(type)),
      events.map(({ data }) => JSON.stringify(data)),
    ]);
    const stored = events.map((event, at) => placed(userId, event, rows[at]));
    tx.afterCommit(() => this.bus.publish(userId, { kind: 'events', events: stored }));
    return stored;
  }

  /** Tells the user's live channel of the newest event, where a commit was not known to have happened: listeners read what they lack. */
  async announce(userId: string): Promise<void> {
    const { head } = await this.state(this.database, userId);
    const events = await this.readAfter(userId, head - 1, 1);
    this.bus.publish(userId, { kind: 'events', events });
  }

  /** Makes sure that the user has a mailbox. */
  async open(userId: string): Promise<void> {
    await this.database.query('INSERT INTO mailboxes (user_id, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      userId,
      newEpoch(),
    ]);
  }

  /** The state of a mailbox that is open. */
  async state(sql: Sql, userId: string): Promise<MailboxState> {
    const [state] = await sql.query<MailboxState>('SELECT epoch, head, trimmed_to FROM mailboxes WHERE user_id = $1', [
      userId,
    ]);
    if (state === undefined) throw ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE');
    return state;
  }

  /** The next `limit` events after `seq`, oldest first. */
  async readAfter(userId: string, seq: number, limit: number): Promise<DurableEvent[]> {
    const rows = await this.database.query<EventRow & { epoch: string }>(
      `SELECT m.epoch, ${COLUMNS.replace('created_at', 'e.created_at')} FROM mailbox_events e JOIN mailboxes m USING (user_id)
       WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [userId, seq, limit],
    );
    return rows.map((row) => eventOf(userId, row.epoch, row));
  }
}

/** 16 random characters of A-Za-z0-9, as PROTOCOL.md asks of an epoch. */
function newEpoch(): string {
  return randomBytes(8).toString('hex');
}

function placed(
  userId: string,
  event: NewEvent,
  row: { epoch: string; seq: number; created_at: Date } | undefined,
): DurableEvent {
  if (row === undefined) throw new Error('an append returns a row for each event');
  const { type, data } = event;
  const { thread_id = null, run_id = null, attempt = null, path = null } = event;
  return eventOf(userId, row.epoch, {
    ...row,
    type,
    data,
    thread_id,
    run_id,
    attempt,
    path,
    critical: CRITICAL_EVENTS.has(type),
  });
}

function eventOf(userId: string, epoch: string, row: EventRow): DurableEvent {
  return {
    type: row.type,
    id: formatCursor(epoch, row.seq),
    epoch,
    seq: row.seq,
    timestamp: row.created_at.toISOString(),
    user_id: userId,
    thread_id: row.thread_id,
    run_id: row.run_id,
    attempt: row.attempt,
    path: row.path,
    critical: row.critical,
    recovered: false,
    data: row.data,
  } as DurableEvent;
}
