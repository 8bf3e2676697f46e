import { Injectable } from '@nestjs/common';
import type { Cursor, ResumeMode } from '@clarion/protocol';
import { Database, type Sql } from '../persistence';
import { MailboxStore, type MailboxState } from './mailbox.store';

/** Where a connection begins to read. `missed` is set with `reset`; its bounds are null where the epoch is another one. */
export interface ResumePoint {
  readonly state: MailboxState;
  readonly from_seq: number;
  readonly resume: ResumeMode;
  readonly missed: { missed_from: number | null; missed_to: number | null } | null;
}

/** How far each device of a user has read. */
@Injectable()
export class PositionsStore {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
  ) {}

  /** Decides where a connecting device resumes (PROTOCOL.md section 1). The mailbox must be open. */
  async resume(sql: Sql, userId: string, deviceId: string, cursor: Cursor | null): Promise<ResumePoint> {
    const state = await this.mailbox.state(sql, userId);
    const positions = await sql.query<{ device_id: string; position: number }>(
      'SELECT device_id, position FROM mailbox_positions WHERE user_id = $1',
      [userId],
    );
    const own = positions.find(({ device_id }) => device_id === deviceId)?.position ?? null;
    return resumePoint(state, own, Math.max(0, ...positions.map(({ position }) => position)), cursor);
  }

  /** Moves a device's position forward, never back, and never beyond the head. The mailbox must be open. */
  async advance(userId: string, deviceId: string, position: number): Promise<void> {
    await this.database.query(
      `INSERT INTO mailbox_positions AS p (user_id, device_id, position) SELECT $1, $2, least($3, head) FROM mailboxes WHERE user_id = $1
       ON CONFLICT (user_id, device_id) DO UPDATE SET position = excluded.position, updated_at = now() WHERE p.position < excluded.position`,
      [userId, deviceId, position],
    );
  }
}

function resumePoint(state: MailboxState, own: number | null, furthest: number, cursor: Cursor | null): ResumePoint {
  const { epoch, head, trimmed_to } = state;
  // A position beyond the head is of numbers that are gone: nothing up to the head may be taken for read twice, or left out.
  const wanted = cursor?.seq ?? Math.min(own ?? furthest, head);
  if (cursor !== null && (cursor.epoch !== epoch || cursor.seq > head)) {
    return { state, from_seq: trimmed_to, resume: 'reset', missed: { missed_from: null, missed_to: null } };
  }
  if (wanted < trimmed_to) {
    return { state, from_seq: trimmed_to, resume: 'reset', missed: { missed_from: wanted + 1, missed_to: trimmed_to } };
  }
  const resume = cursor !== null ? 'cursor' : own !== null ? 'position' : 'new';
  return { state, from_seq: wanted, resume, missed: null };
}
