import { Injectable } from '@nestjs/common';
import type { Cursor, ResumeMode } from '@clarion/protocol';
import { Database, GroupCommit, isOutage, prepared, type Sql } from '../persistence';
import { type LoggedEvent, PAGE_BYTES, PAGE_EVENTS, pageOfLog, parsePage } from './logged-event';
import type { Contact, MailboxState } from './mailbox.store';

/** A device that wants to read on, from its `cursor` where it has one. */
export interface Reader {
  readonly user_id: string;
  readonly device_id: string;
  readonly cursor: Cursor | null;
}

/** Where a connection begins to read. `missed` is set with `reset`; its bounds are null where the epoch is another one. */
export interface ResumePoint {
  readonly state: MailboxState;
  readonly from_seq: number;
  readonly resume: ResumeMode;
  readonly missed: { missed_from: number | null; missed_to: number | null } | null;
  /** Where the device's position is: `behind` the cursor, which counts as an acknowledgement, `absent`, or such that it is left as it is. */
  readonly position: 'kept' | 'behind' | 'absent';
  /** As it is kept. */
  readonly contact: Contact;
  /** The user has runs that have not ended. */
  readonly busy: boolean;
}

/** How far a device has read. */
interface Position {
  readonly user_id: string;
  readonly device_id: string;
  readonly position: number;
}

/** A place in a log with what follows it, as of one moment. */
export interface Resumed {
  readonly resume: ResumePoint;
  /** The first of the events after it; empty where the user is busy and these are not wanted. */
  readonly page: readonly LoggedEvent[];
}

type ResumeRow = Omit<MailboxState, 'epoch'> &
  Contact & {
    epoch: string | null;
    own: number | null;
    busy: true | null;
    alien: boolean | null;
    wanted: number;
    from_seq: number;
    events: string | null;
  };

/**
 * LIMIT makes PostgreSQL look up each row: for a batch it would read the whole table, which it takes for cheaper up to thousands of users. OFFSET
 * keeps it from looking a thing up wherever it is mentioned. A cursor is `alien` that is of another epoch, or beyond the head; a position beyond the
 * head is of numbers that are gone: nothing up to the head may be taken for read twice, or left out.
 */
const RESUME = prepared(`
SELECT m.epoch, m.head, m.trimmed_to, m.email, m.locale, k.own, k.busy, t.alien, t.wanted, f.from_seq, p.events
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS w (user_id, device_id, epoch, seq, place)
LEFT JOIN LATERAL (SELECT * FROM mailboxes WHERE user_id = w.user_id LIMIT 1) AS m ON true
CROSS JOIN LATERAL (
  SELECT (SELECT position FROM mailbox_positions WHERE user_id = w.user_id AND device_id = w.device_id) AS own,
    (SELECT true FROM runs WHERE user_id = w.user_id AND finished_at IS NULL LIMIT 1) AS busy OFFSET 0
) AS k
CROSS JOIN LATERAL (
  SELECT w.epoch <> m.epoch OR w.seq > m.head AS alien,
    coalesce(w.seq, least(coalesce(k.own, (SELECT max(position) FROM mailbox_positions WHERE user_id = w.user_id), 0), m.head)) AS wanted OFFSET 0
) AS t
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.alien THEN m.trimmed_to ELSE greatest(t.wanted, m.trimmed_to) END AS from_seq OFFSET 0
) AS f
CROSS JOIN LATERAL ${pageOfLog({ user: 'w.user_id', after: 'f.from_seq', most: 'CASE WHEN k.busy AND $5 THEN 0 ELSE $6 END', bytes: '$7' })} AS p
ORDER BY place`);

/** In one order, or two processes deadlock. */
const ADVANCE = prepared(`
INSERT INTO mailbox_positions AS p (user_id, device_id, position)
SELECT a.user_id, a.device_id, least(a.position, m.head)
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS a (user_id, device_id, position)
CROSS JOIN LATERAL (SELECT head FROM mailboxes WHERE user_id = a.user_id LIMIT 1) AS m
ORDER BY a.user_id COLLATE "C", a.device_id COLLATE "C"
ON CONFLICT (user_id, device_id) DO UPDATE SET position = excluded.position, updated_at = now() WHERE p.position < excluded.position`);

const BATCH = 500;
/** Nobody waits for most of them. */
const GATHER_MS = 20;
const MAX_WAITING = 20_000;

/** How far each device of a user has read. */
@Injectable()
export class PositionsStore {
  private readonly advances: GroupCommit<Position, void>;

  constructor(private readonly database: Database) {
    this.advances = new GroupCommit<Position, void>({
      writeAll: async (positions) => {
        await this.advanceAll(positions);
        return positions.map(() => ({ ok: true, value: undefined }));
      },
      isOutage,
      maxBatch: BATCH,
      lanes: 1,
      gatherMs: GATHER_MS,
      maxWaiting: MAX_WAITING,
    });
  }

  /**
   * Decides where connecting devices resume (PROTOCOL.md section 1), in their order, and reads what comes first; null where there is no mailbox.
   * @param idleOnly reads nothing for users with runs under way
   */
  async resume(sql: Sql, readers: readonly Reader[], { idleOnly = false } = {}): Promise<(Resumed | null)[]> {
    const rows = await sql.query<ResumeRow>(RESUME, [
      readers.map(({ user_id }) => user_id),
      readers.map(({ device_id }) => device_id),
      readers.map(({ cursor }) => cursor?.epoch ?? null),
      readers.map(({ cursor }) => cursor?.seq ?? null),
      idleOnly,
      PAGE_EVENTS,
      PAGE_BYTES,
    ]);
    return readers.map((reader, at) => resumed(reader, rows[at]));
  }

  /**
   * Moves a device's position forward, never back, and never beyond the head; durable when it resolves. Where there is no mailbox, nothing.
   * @throws ComponentError DATABASE_CAPACITY when too many wait
   */
  advance(userId: string, deviceId: string, position: number): Promise<void> {
    return this.advances.submit({ user_id: userId, device_id: deviceId, position });
  }

  /** `advance` for many at once. A statement may touch a row once: of several positions of a device the furthest counts. */
  async advanceAll(positions: readonly Position[]): Promise<void> {
    const furthest = new Map<string, Position>();
    for (const entry of positions) {
      const key = `${entry.user_id}\0${entry.device_id}`;
      if ((furthest.get(key)?.position ?? -1) < entry.position) furthest.set(key, entry);
    }
    const entries = [...furthest.values()];
    if (entries.length === 0) return;
    await this.database.query(ADVANCE, [
      entries.map(({ user_id }) => user_id),
      entries.map(({ device_id }) => device_id),
      entries.map(({ position }) => position),
    ]);
  }
}

function resumed({ user_id, cursor }: Reader, row: ResumeRow | undefined): Resumed | null {
  if (!row || row.epoch === null) return null;
  const { epoch, head, trimmed_to, own, wanted, from_seq, email, locale, events } = row;
  const busy = row.busy === true;
  const common = { state: { epoch, head, trimmed_to }, from_seq, contact: { email, locale }, busy };
  const page = events === null ? [] : parsePage({ user_id, epoch }, events);
  const missed = missedBy(row);
  if (missed !== null) return { resume: { ...common, resume: 'reset', missed, position: 'kept' }, page };
  const resume = cursor !== null ? 'cursor' : own !== null ? 'position' : 'new';
  const position = own === null ? 'absent' : own < wanted ? 'behind' : 'kept';
  return { resume: { ...common, resume, missed, position }, page };
}

function missedBy({ alien, wanted, trimmed_to }: ResumeRow): ResumePoint['missed'] {
  if (alien === true) return { missed_from: null, missed_to: null };
  return wanted < trimmed_to ? { missed_from: wanted + 1, missed_to: trimmed_to } : null;
}
