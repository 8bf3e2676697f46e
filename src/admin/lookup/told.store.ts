import { Injectable } from '@nestjs/common';
import type { RunStatus } from '@clarion/protocol';
import type { FailureRecord } from '../../errors';
import { Database } from '../../persistence';
import type { FailureStory, ToldEvent } from './failure-story';

const MAX_EVENTS = 20;

const EVENTS = `
SELECT seq, type, created_at, data->'error'->'user_notification' AS texts FROM mailbox_events
WHERE user_id = $1 AND ($3::uuid IS NULL OR thread_id = $3) AND data->'error'->>'support_code' = $2 ORDER BY seq LIMIT ${MAX_EVENTS}`;

const DEVICES = 'SELECT device_id, position, updated_at FROM mailbox_positions WHERE user_id = $1 ORDER BY device_id';

const DIGESTS = `
SELECT r.from_seq, d.to_seq, d.channel, d.state, d.ended_at FROM recoveries r JOIN fallback_deliveries d ON d.recovery_id = r.id
WHERE r.user_id = $1 AND d.to_seq >= $2 ORDER BY d.started_at`;

type Texts = { message: string; user_friendly_message: string; action_required: string };
type Digest = { from_seq: number; to_seq: number; channel: string; state: string; ended_at: Date | null };

/** What the mailbox of a user holds about a failure. */
export interface ToldInMailbox {
  readonly events: readonly ToldEvent[];
  /** As the event has them. */
  readonly texts: Texts | null;
  /** What their last connection asked for. */
  readonly locale: string | null;
}

/** Reads from mailboxes who was told of a failure, and whether they saw it. */
@Injectable()
export class ToldStore {
  constructor(private readonly database: Database) {}

  async told({ support_code, thread_id }: FailureRecord, userId: string): Promise<ToldInMailbox> {
    const rows = await this.database.query<Pick<ToldEvent, 'seq' | 'type'> & { created_at: Date; texts: Texts | null }>(
      EVENTS,
      [userId, support_code, thread_id],
    );
    const [devices, digests, [mailbox]] = await Promise.all([
      this.database.query<{ device_id: string; position: number; updated_at: Date }>(DEVICES, [userId]),
      rows[0] ? this.database.query<Digest>(DIGESTS, [userId, rows[0].seq]) : [],
      this.database.query<{ locale: string | null }>('SELECT locale FROM mailboxes WHERE user_id = $1', [userId]),
    ]);
    const events = rows.map(({ seq, type, created_at }) => ({
      ...{ seq, type, at: created_at.toISOString() },
      devices: devices.map(({ device_id, position, updated_at }) => ({
        ...{ device_id, seen: position >= seq, last_read_at: updated_at.toISOString() },
      })),
      digests: digests
        .filter(({ from_seq, to_seq }) => from_seq <= seq && to_seq >= seq)
        .map(({ channel, state, ended_at }) => ({ channel, state, ended_at: ended_at?.toISOString() ?? null })),
    }));
    return { events, texts: rows[0]?.texts ?? null, locale: mailbox?.locale ?? null };
  }

  async run(runId: string): Promise<FailureStory['run']> {
    const [run] = await this.database.query<{ run_id: string; status: RunStatus; attempt: number }>(
      'SELECT id AS run_id, status, attempt FROM runs WHERE id = $1',
      [runId],
    );
    return run ?? null;
  }
}
