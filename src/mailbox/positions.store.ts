import { Injectable } from '@nestjs/common';
import type { Cursor, ResumeMode } from '@clarion/protocol';
import { Database, GroupCommit, isOutage, type Sql } from '../persistence';
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
  /** The device's position is not there yet: the cursor counts as an acknowledgement, or the device is new. */
  readonly advances: boolean;
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

type ResumeRow = MailboxState &
  Contact & { epoch: string | null; own: number | null; furthest: number; busy: true | null };

/** LIMIT makes PostgreSQL look up each row: for a batch it would read the whole table, which it takes for cheaper up to thousands of users. */
const RESUME = `
SELECT m.epoch, m.head, m.trimmed_to, m.email, m.locale,
  (SELECT p.position FROM mailbox_positions p WHERE p.user_id = w.user_id AND p.device_id = w.device_id) AS own,
  (SELECT coalesce(max(p.position), 0) FROM mailbox_positions p WHERE p.user_id = w.user_id) AS furthest,
  (SELECT true FROM runs r WHERE r.user_id = w.user_id AND r.finished_at IS NULL LIMIT 1) AS busy
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (user_id, device_id, place)
LEFT JOIN LATERAL (SELECT * FROM mailboxes WHERE user_id = w.user_id LIMIT 1) AS m ON true
ORDER BY place`;

/** In one order, or two processes deadlock. */
const ADVANCE = `
INSERT INTO mailbox_positions AS p (user_id, device_id, position)
SELECT a.user_id, a.device_id, least(a.position, m.head)
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS a (user_id, device_id, position)
CROSS JOIN LATERAL (SELECT head FROM mailboxes WHERE user_id = a.user_id LIMIT 1) AS m
ORDER BY a.user_id COLLATE "C", a.device_id COLLATE "C"
ON CONFLICT (user_id, device_id) DO UPDATE SET position = excluded.position, updated_at = now() WHERE p.position < excluded.position`;

const BATCH = 500;
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
      maxWaiting: MAX_WAITING,
    });
  }

  /** Decides where connecting devices resume (PROTOCOL.md section 1), in their order; null where there is no mailbox. */
  async resume(sql: Sql, readers: readonly Reader[]): Promise<(ResumePoint | null)[]> {
    const rows = await sql.query<ResumeRow>(RESUME, [
      readers.map(({ user_id }) => user_id),
      readers.map(({ device_id }) => device_id),
    ]);
    return rows.map(({ own, furthest, email, locale, busy, ...state }, at) =>
      state.epoch === null
        ? null
        : {
            ...resumePoint(state, own, furthest, readers[at]?.cursor ?? null),
            contact: { email, locale },
            busy: busy === true,
          },
    );
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

function resumePoint(
  state: MailboxState,
  own: number | null,
  furthest: number,
  cursor: Cursor | null,
): Omit<ResumePoint, 'contact' | 'busy'> {
  const { epoch, head, trimmed_to } = state;
  // A position beyond the head is of numbers that are gone: nothing up to the head may be taken for read twice, or left out.
  const wanted = cursor?.seq ?? Math.min(own ?? furthest, head);
  const reset = { state, from_seq: trimmed_to, resume: 'reset', advances: false } as const;
  if (cursor !== null && (cursor.epoch !== epoch || cursor.seq > head)) {
    return { ...reset, missed: { missed_from: null, missed_to: null } };
  }
  if (wanted < trimmed_to) return { ...reset, missed: { missed_from: wanted + 1, missed_to: trimmed_to } };
  const resume = cursor !== null ? 'cursor' : own !== null ? 'position' : 'new';
  return { state, from_seq: wanted, resume, missed: null, advances: own === null || own < wanted };
}
