import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

/** Users whose critical events have reached no device. Counted at each look for such a user, up to 10,000 a user. */
export interface QueuedMessages {
  readonly queued: number;
  readonly users: number;
}

/** What became of users who were not there; of the last 24 hours, but for what is going on now. */
export interface RecoveryStatistics {
  readonly waiting: number;
  readonly recovered: number;
  readonly expired: number;
  readonly abandoned: number;
  readonly fallback: Readonly<Record<'pending' | 'sent' | 'failed' | 'dropped', number>>;
}

/** A user with failures in the last hour, or who was looked for in the last 24 hours. */
export interface UserStatistics {
  readonly user_id: string;
  readonly errors: number;
  readonly last_error_at: string | null;
  readonly queued_messages: number;
  /** The latest one. Times in ISO 8601. */
  readonly recovery: {
    readonly state: 'waiting' | 'recovered' | 'expired' | 'abandoned';
    readonly round: number;
    readonly since: string;
    readonly next_at: string | null;
    readonly ended_at: string | null;
    readonly fallback: readonly {
      readonly id: string;
      readonly channel: 'webhook' | 'email';
      readonly state: 'pending' | 'sent' | 'failed' | 'dropped';
      readonly tries: number;
      readonly ended_at: string | null;
      readonly support_code: string | null;
    }[];
  } | null;
}

const DAY = `now() - interval '24 hours'`;
const HOUR = `now() - interval '1 hour'`;

const COUNTS = `
SELECT (SELECT jsonb_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM recoveries WHERE ended_at >= ${DAY} GROUP BY state) r) AS ended,
  (SELECT jsonb_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM fallback_deliveries WHERE ended_at >= ${DAY} GROUP BY state) d) AS fallback,
  (SELECT count(*)::int FROM fallback_deliveries WHERE ended_at IS NULL) AS pending, open.users, open.queued
FROM (SELECT count(*)::int AS users, coalesce(sum(unread), 0)::int AS queued FROM recoveries WHERE ended_at IS NULL) open`;

const USERS = `
WITH listed AS (
  (SELECT DISTINCT user_id FROM error_records WHERE occurred_at >= ${HOUR} AND user_id > $1 ORDER BY user_id LIMIT $2)
  UNION (SELECT user_id FROM recoveries WHERE ended_at IS NULL AND user_id > $1 ORDER BY user_id LIMIT $2)
  UNION (SELECT DISTINCT user_id FROM recoveries WHERE ended_at >= ${DAY} AND user_id > $1 ORDER BY user_id LIMIT $2)
  ORDER BY user_id LIMIT $2
)
SELECT l.user_id, coalesce(e.errors, 0)::int AS errors, e.last_at, r.state, r.round, r.unread, r.since, r.next_at, r.ended_at, d.fallback
FROM listed l
LEFT JOIN LATERAL (
  SELECT sum(count) AS errors, max(last_at) AS last_at FROM error_records WHERE user_id = l.user_id AND occurred_at >= ${HOUR}) e ON true
LEFT JOIN LATERAL (SELECT * FROM recoveries WHERE user_id = l.user_id ORDER BY started_at DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('id', id, 'channel', channel, 'state', state, 'tries', round, 'ended_at', ended_at, 'support_code', support_code)) AS fallback
  FROM fallback_deliveries WHERE recovery_id = r.id) d ON true
ORDER BY l.user_id`;

type Recovery = NonNullable<UserStatistics['recovery']>;

interface UserRow {
  readonly user_id: string;
  readonly errors: number;
  readonly last_at: Date | null;
  readonly state: Recovery['state'] | null;
  readonly round: number;
  readonly unread: number;
  readonly since: Date;
  readonly next_at: Date;
  readonly ended_at: Date | null;
  readonly fallback: Recovery['fallback'] | null;
}

/** Counts about users who are not there, for admins. Every statement is held to indexes and to a page or a day. */
@Injectable()
export class RecoveryStatisticsStore {
  constructor(private readonly database: Database) {}

  async counts(): Promise<{ messages: QueuedMessages; recovery: RecoveryStatistics }> {
    const [row] = await this.database.query<{
      ended: Partial<RecoveryStatistics> | null;
      fallback: Partial<RecoveryStatistics['fallback']> | null;
      pending: number;
      users: number;
      queued: number;
    }>(COUNTS);
    if (row === undefined) throw new Error('an aggregate has a row');
    const { ended, fallback, pending, users, queued } = row;
    const sends = { sent: 0, failed: 0, dropped: 0, ...fallback, pending };
    return {
      messages: { queued, users },
      recovery: { recovered: 0, expired: 0, abandoned: 0, ...ended, waiting: users, fallback: sends },
    };
  }

  /** The users after `after`, by id. */
  async users(after: string, limit: number): Promise<UserStatistics[]> {
    return (await this.database.query<UserRow>(USERS, [after, limit])).map(userOf);
  }
}

function userOf({ user_id, errors, last_at, ...row }: UserRow): UserStatistics {
  const waiting = row.state === 'waiting' || row.state === 'abandoned';
  return {
    user_id,
    errors,
    last_error_at: last_at?.toISOString() ?? null,
    queued_messages: waiting ? row.unread : 0,
    recovery: row.state === null ? null : recoveryOf(row, row.state),
  };
}

function recoveryOf(
  { round, since, next_at, ended_at, fallback }: Omit<UserRow, 'user_id' | 'errors' | 'last_at'>,
  state: Recovery['state'],
): Recovery {
  return {
    state,
    round,
    since: since.toISOString(),
    next_at: ended_at === null ? next_at.toISOString() : null,
    ended_at: ended_at?.toISOString() ?? null,
    fallback: fallback ?? [],
  };
}
