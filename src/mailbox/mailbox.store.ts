import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { CRITICAL_EVENTS, formatCursor, type DurableEvent } from '@clarion/protocol';
import { ComponentError } from '../errors';
import { Database, prepared, type Sql, type Statement, type Transaction } from '../persistence';
import { ERASED_DATA } from './erased-events';
import { type LoggedEvent, pageOfLog, parsePage } from './logged-event';
import type { NewEvent } from './new-event';
import { UserBus } from './user-bus';

/** The state of a user's log: events `trimmed_to + 1` to `head` can be read. */
export interface MailboxState {
  readonly epoch: string;
  readonly head: number;
  readonly trimmed_to: number;
}

/** How a user can be reached who is not connected. */
export interface Contact {
  readonly email: string | null;
  /** BCP 47. */
  readonly locale: string | null;
}

/**
 * The next events after the position `after`, oldest first: at most `limit`, and of what they carry no more than `max_bytes`, but for the last
 * one. The first is always among them.
 */
export interface PageRequest {
  readonly user_id: string;
  readonly after: number;
  readonly limit: number;
  readonly max_bytes: number | null;
}

/** Where a mailbox ends after an append. */
interface Place {
  readonly user_id: string;
  readonly epoch: string;
  readonly head: number;
  readonly created_at: Date;
}

/** What one user is told in a transaction. */
export interface UserEvents {
  readonly user_id: string;
  readonly events: readonly NewEvent[];
}

/** `back` counts from the mailbox's new head: 0 is its last event. Mailboxes are locked in one order, or batches deadlock. */
const APPEND = prepared(`
WITH mailbox AS (
  INSERT INTO mailboxes AS m (user_id, epoch, head, unread_since)
  SELECT b.user_id, b.epoch, b.number, CASE WHEN b.critical THEN now() END
  FROM unnest($1::text[], $2::text[], $3::int[], $13::bool[]) AS b (user_id, epoch, number, critical) ORDER BY b.user_id COLLATE "C"
  ON CONFLICT (user_id) DO UPDATE SET head = m.head + excluded.head, unread_since = coalesce(m.unread_since, excluded.unread_since)
  RETURNING user_id, epoch, head
), appended AS (
  INSERT INTO mailbox_events (user_id, seq, type, thread_id, run_id, attempt, path, critical, data)
  SELECT e.user_id, mailbox.head - e.back, e.type, e.thread_id, e.run_id, e.attempt, e.path, e.critical, e.data
  FROM unnest($4::text[], $5::int[], $6::text[], $7::uuid[], $8::uuid[], $9::int[], $10::text[], $11::bool[], $12::jsonb[])
    AS e (user_id, back, type, thread_id, run_id, attempt, path, critical, data)
  JOIN mailbox USING (user_id)
)
SELECT user_id, epoch, head, now()::timestamptz(3) AS created_at FROM mailbox`);

/** A page of a thread's events without content; public details of errors may quote some too. */
const ERASE = `
WITH page AS (SELECT seq FROM mailbox_events WHERE user_id = $1 AND thread_id = $2 AND seq > $3 ORDER BY seq LIMIT $4),
erased AS (
  UPDATE mailbox_events e
  SET data = (CASE WHEN e.data ? 'error' THEN jsonb_set(e.data, '{error,details}', 'null') ELSE e.data END) || coalesce($5::jsonb -> e.type, '{}')
  FROM page WHERE e.user_id = $1 AND e.seq = page.seq)
SELECT max(seq) AS last FROM page`;
const ERASE_PAGE = 2_000;

const PAGES = prepared(`
SELECT r.at, m.epoch, p.events
FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bigint[]) WITH ORDINALITY AS r (user_id, after, most, max_bytes, at)
CROSS JOIN LATERAL (SELECT epoch FROM mailboxes WHERE user_id = r.user_id LIMIT 1) AS m
CROSS JOIN LATERAL ${pageOfLog({ user: 'r.user_id', after: 'r.after', most: 'r.most', bytes: 'r.max_bytes' })} AS p
WHERE p.events IS NOT NULL`);

/** The durable event log of every user. */
@Injectable()
export class MailboxStore {
  constructor(
    private readonly database: Database,
    private readonly bus: UserBus,
  ) {}

  /** `appendAll` for one user. @returns what was stored */
  async append(tx: Transaction, userId: string, events: readonly NewEvent[]): Promise<DurableEvent[]> {
    const [stored = []] = await this.appendAll(tx, [{ user_id: userId, events }]);
    return stored;
  }

  /**
   * Appends events in the transaction of what they tell of; the row lock on the mailbox makes commit order `seq` order. Lock threads and
   * runs first, and append once in a transaction. After the commit the users' live channels are told. @returns what was stored, by user
   */
  async appendAll(tx: Transaction, entries: readonly UserEvents[]): Promise<DurableEvent[][]> {
    const told = byUser(entries);
    if (told.length === 0) return [];
    const { text, values } = appending(told);
    return this.tellAfterCommit(tx, told, await tx.query<Place>(text, values));
  }

  /** `appendAll` as the end of its transaction: it is committed in one go with statements that go before. @returns the rows of each of these */
  async appendAndCommit<Rows extends unknown[][]>(
    tx: Transaction,
    entries: readonly UserEvents[],
    before: readonly Statement[] = [],
  ): Promise<Rows> {
    const told = byUser(entries);
    const rows = await tx.finish<unknown[][]>(told.length === 0 ? before : [...before, appending(told)]);
    if (told.length > 0) this.tellAfterCommit(tx, told, rows.pop() as Place[]);
    return rows as Rows;
  }

  private tellAfterCommit(tx: Transaction, told: readonly UserEvents[], heads: readonly Place[]): DurableEvent[][] {
    const places = new Map(heads.map((place) => [place.user_id, place]));
    return told.map(({ user_id, events }) => {
      const stored = placed(user_id, events, places.get(user_id));
      tx.afterCommit(() => this.bus.publish(user_id, { kind: 'events', events: stored }));
      return stored;
    });
  }

  /** Tells the user's live channel of the newest event, where a commit was not known to have happened: listeners read what they lack. */
  async announce(userId: string): Promise<void> {
    const { head } = await this.state(this.database, userId);
    const events = await this.readAfter(userId, head - 1, 1);
    this.bus.publish(userId, { kind: 'events', events });
  }

  /** Takes the content out of a thread's events; the log stays without a gap. */
  async eraseThread(tx: Transaction, userId: string, threadId: string): Promise<void> {
    await this.lock(tx, userId);
    let last: number | null = 0;
    while (last !== null) {
      const values: unknown[] = [userId, threadId, last, ERASE_PAGE, JSON.stringify(ERASED_DATA)];
      const [page]: { last: number | null }[] = await tx.query<{ last: number | null }>(ERASE, values);
      last = page?.last ?? null;
    }
  }

  /** Keeps everybody else from writing to the mailbox until the transaction ends. */
  async lock(tx: Transaction, userId: string): Promise<void> {
    await tx.query('SELECT 1 FROM mailboxes WHERE user_id = $1 FOR UPDATE', [userId]);
  }

  /** Removes a locked mailbox with its events and positions. After the commit the user's live channels are told. */
  async erase(tx: Transaction, userId: string): Promise<void> {
    const page = `SELECT seq FROM mailbox_events WHERE user_id = $1 ORDER BY seq LIMIT ${ERASE_PAGE}`;
    const text = `DELETE FROM mailbox_events WHERE user_id = $1 AND seq IN (${page}) RETURNING 1`;
    while ((await tx.query(text, [userId])).length > 0);
    await tx.query('DELETE FROM mailbox_positions WHERE user_id = $1', [userId]);
    await tx.query('DELETE FROM mailboxes WHERE user_id = $1', [userId]);
    tx.afterCommit(() => this.bus.publish(userId, { kind: 'erased' }));
  }

  /** Makes sure that these users have mailboxes. */
  async open(...userIds: string[]): Promise<void> {
    await this.database.query(
      `INSERT INTO mailboxes (user_id, epoch) SELECT * FROM unnest($1::text[], $2::text[]) AS n (user_id, epoch) ORDER BY user_id COLLATE "C"
       ON CONFLICT DO NOTHING`,
      [userIds, newEpochs(userIds.length)],
    );
  }

  /** The state of a mailbox that is open. */
  async state(sql: Sql, userId: string): Promise<MailboxState> {
    const [state] = await sql.query<MailboxState>('SELECT epoch, head, trimmed_to FROM mailboxes WHERE user_id = $1', [
      userId,
    ]);
    if (state === undefined) throw ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE');
    return state;
  }

  /** Keeps how the user can be reached; goes with the mailbox. */
  async remember(userId: string, { email, locale }: Contact): Promise<void> {
    await this.database.query('UPDATE mailboxes SET email = $2, locale = $3 WHERE user_id = $1', [
      userId,
      email,
      locale,
    ]);
  }

  /** How far the logs of these users go. Who has no mailbox is left out. */
  heads(userIds: readonly string[]): Promise<{ user_id: string; epoch: string; head: number }[]> {
    return this.database.query('SELECT user_id, epoch, head FROM mailboxes WHERE user_id = ANY($1::text[])', [userIds]);
  }

  /** A page for each request, in their order. */
  async readPages(requests: readonly PageRequest[]): Promise<LoggedEvent[][]> {
    const rows = await this.database.query<{ at: number; epoch: string; events: string }>(PAGES, [
      requests.map(({ user_id }) => user_id),
      requests.map(({ after }) => after),
      requests.map(({ limit }) => limit),
      requests.map(({ max_bytes }) => max_bytes),
    ]);
    const pages = requests.map((): LoggedEvent[] => []);
    for (const { at, epoch, events } of rows) {
      pages[at - 1] = parsePage({ user_id: requests[at - 1]?.user_id ?? '', epoch }, events);
    }
    return pages;
  }

  /** `readPages` for one user. */
  async readAfter(
    user_id: string,
    after: number,
    limit: number,
    max_bytes: number | null = null,
  ): Promise<DurableEvent[]> {
    const [page = []] = await this.readPages([{ user_id, after, limit, max_bytes }]);
    return page.map((event) => JSON.parse(event.json(false)) as DurableEvent);
  }
}

/** A statement may touch a mailbox once: what a user is told comes together, in its order. */
function byUser(entries: readonly UserEvents[]): UserEvents[] {
  const users = Map.groupBy(entries, ({ user_id }) => user_id);
  const told = [...users].map(([user_id, parts]) => ({ user_id, events: parts.flatMap(({ events }) => events) }));
  return told.filter(({ events }) => events.length > 0);
}

/** Each 16 random characters of A-Za-z0-9, as PROTOCOL.md asks of an epoch. */
function newEpochs(count: number): string[] {
  const random = randomBytes(8 * count).toString('hex');
  return Array.from({ length: count }, (_, at) => random.slice(16 * at, 16 * (at + 1)));
}

function appending(told: readonly UserEvents[]): Statement {
  const rows = told.flatMap(({ user_id, events }) =>
    events.map((event, at) => ({ user_id, back: events.length - 1 - at, event })),
  );
  const values = [
    told.map(({ user_id }) => user_id),
    newEpochs(told.length),
    told.map(({ events }) => events.length),
    rows.map(({ user_id }) => user_id),
    rows.map(({ back }) => back),
    rows.map(({ event }) => event.type),
    rows.map(({ event }) => event.thread_id ?? null),
    rows.map(({ event }) => event.run_id ?? null),
    rows.map(({ event }) => event.attempt ?? null),
    rows.map(({ event }) => event.path ?? null),
    rows.map(({ event }) => CRITICAL_EVENTS.has(event.type)),
    rows.map(({ event }) => JSON.stringify(event.data)),
    told.map(({ events }) => events.some(({ type }) => CRITICAL_EVENTS.has(type))),
  ];
  return { text: APPEND, values };
}

function placed(userId: string, events: readonly NewEvent[], place: Place | undefined): DurableEvent[] {
  if (place === undefined) throw new Error('an append returns a row for each mailbox');
  const { epoch, head, created_at } = place;
  const timestamp = created_at.toISOString();
  return events.map(({ type, data, thread_id = null, run_id = null, attempt = null, path = null }, at) => {
    const seq = head - events.length + 1 + at;
    return {
      type,
      id: formatCursor(epoch, seq),
      epoch,
      seq,
      timestamp,
      user_id: userId,
      thread_id,
      run_id,
      attempt,
      path,
      critical: CRITICAL_EVENTS.has(type),
      recovered: false,
      data,
    } as DurableEvent;
  });
}
