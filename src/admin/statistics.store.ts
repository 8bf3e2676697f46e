import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

const DAY_MS = 86_400_000;
const MAX_ROWS = 100;

export interface ErrorStatistics {
  readonly last_hour: number;
  /** Users whom those of the last hour concern. */
  readonly users: number;
  readonly last_five_minutes: number;
  /** Of the last hour; the most frequent ones. */
  readonly by_reason: Readonly<Record<string, number>>;
}

export interface RunStatistics {
  /** Of the runs created in the last 24 hours. */
  readonly by_status: Readonly<Record<string, number>>;
  /** Runs that have not ended, whenever they were created. */
  readonly active: number;
}

export interface WorkerStatistics {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly started_at: string;
  /** Age of the last sign of life, by the database's clock. */
  readonly heartbeat_age_ms: number;
}

/** Counts for admins. Every statement is held to an index and a window, and to the statement timeout of the database. */
@Injectable()
export class StatisticsStore {
  constructor(private readonly database: Database) {}

  async errors(): Promise<ErrorStatistics> {
    const [concerned] = await this.database.query<{ users: number }>(
      `SELECT count(DISTINCT user_id)::int AS users FROM error_records WHERE occurred_at >= now() - interval '1 hour'`,
    );
    const rows = await this.database.query<{ reason: string; last_hour: number; last_five_minutes: number }>(
      `SELECT reason, sum(count)::int AS last_hour,
         coalesce(sum(count) FILTER (WHERE last_at >= now() - interval '5 minutes'), 0)::int AS last_five_minutes
       FROM error_records WHERE occurred_at >= now() - interval '1 hour'
       GROUP BY reason ORDER BY last_hour DESC, reason`,
    );
    return {
      last_hour: rows.reduce((sum, row) => sum + row.last_hour, 0),
      users: concerned?.users ?? 0,
      last_five_minutes: rows.reduce((sum, row) => sum + row.last_five_minutes, 0),
      by_reason: Object.fromEntries(rows.slice(0, MAX_ROWS).map(({ reason, last_hour }) => [reason, last_hour])),
    };
  }

  async runs(): Promise<RunStatistics> {
    const [statuses, [active]] = await Promise.all([
      this.database.query<{ status: string; runs: number }>(
        `SELECT status, count(*)::int AS runs FROM runs WHERE id >= $1 GROUP BY status ORDER BY status`,
        [firstIdAt(Date.now() - DAY_MS)],
      ),
      this.database.query<{ runs: number }>(`SELECT count(*)::int AS runs FROM runs WHERE finished_at IS NULL`),
    ]);
    return {
      by_status: Object.fromEntries(statuses.map(({ status, runs }) => [status, runs])),
      active: active?.runs ?? 0,
    };
  }

  async workers(): Promise<WorkerStatistics[]> {
    const rows = await this.database.query<Omit<WorkerStatistics, 'started_at'> & { started_at: Date }>(
      `SELECT id, host, pid, started_at, (extract(epoch FROM now() - heartbeat_at) * 1000)::int AS heartbeat_age_ms
       FROM workers ORDER BY heartbeat_at DESC LIMIT ${MAX_ROWS}`,
    );
    return rows.map((row) => ({ ...row, started_at: row.started_at.toISOString() }));
  }
}

/** The lowest UUIDv7 of a moment (milliseconds since the epoch): ids of runs are ordered by time, and indexed. */
function firstIdAt(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
