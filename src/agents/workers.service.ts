import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AppConfig } from '../config';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';

const HEARTBEATS_PER_LEASE = 3;

/** SQL: the worker of run `r` is another one than `self` and shows no sign of life; both are parameters, `deadAfter` in milliseconds. */
export function workerIsDead(self: string, deadAfter: string): string {
  return `(r.worker_id <> ${self} AND NOT EXISTS (
    SELECT 1 FROM workers w WHERE w.id = r.worker_id AND w.heartbeat_at > now() - ${deadAfter} * interval '1 millisecond'))`;
}

/** This process as a worker: its identity and its sign of life in the database. */
@Injectable()
export class Workers {
  readonly id = uuidv7();
  readonly host = hostname();
  private readonly heartbeat: PeriodicLoop;
  /** Since when every heartbeat has succeeded, by the monotonic clock; null during an outage. */
  private steadySince: number | null = null;
  private lastBeat = 0;

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
    private readonly reporter: FailureReporter,
  ) {
    this.heartbeat = new PeriodicLoop({
      name: 'worker.heartbeat',
      everyMs: Math.floor(config.agents.workerDeadAfterMs / HEARTBEATS_PER_LEASE),
      jitter: 0,
      work: () => this.beat(),
      reporter,
    });
  }

  /** Writes the first heartbeat: before it nobody may lease a run to this worker. */
  async start(): Promise<void> {
    await this.beat();
    await this.database.query(`DELETE FROM workers WHERE heartbeat_at < now() - interval '1 day'`);
    this.heartbeat.start();
  }

  async stop(): Promise<void> {
    await this.heartbeat.stop();
    if (!this.database.ready) return;
    try {
      await this.database.query('DELETE FROM workers WHERE id = $1', [this.id]);
    } catch (error) {
      // Stopping goes on: a silent worker is as good as a removed one, a lease period later.
      await this.reporter.report(error, { operation: 'worker.stop' });
    }
  }

  /**
   * True when a stale heartbeat of another worker proves its death: after an outage of the database everybody's is stale, so one lease
   * period has to pass first. A single process need not wait: its lock on the database proves that no other lives.
   */
  get mayJudge(): boolean {
    if (this.database.exclusive) return true;
    return this.steadySince !== null && performance.now() - this.steadySince > this.config.agents.workerDeadAfterMs;
  }

  /** Milliseconds since the last outage of heartbeats ended; null during one. */
  get steadyForMs(): number | null {
    return this.steadySince === null ? null : Math.round(performance.now() - this.steadySince);
  }

  get deadAfterMs(): number {
    return this.config.agents.workerDeadAfterMs;
  }

  /** Workers of all processes that show signs of life. */
  async countAlive(): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*) FROM workers WHERE heartbeat_at > now() - $1 * interval '1 millisecond'`,
      [this.deadAfterMs],
    );
    return row?.count ?? 0;
  }

  private showLife(): Promise<unknown> {
    return this.database.query(
      `INSERT INTO workers (id, host, pid) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()`,
      [this.id, this.host, process.pid],
    );
  }

  /** A process that runs no jobs only makes sure that it would have seen the signs of others. */
  private async beat(): Promise<void> {
    const steady = this.steadySince;
    this.steadySince = null;
    if (!this.database.ready) return;
    await (this.config.server.runsJobs ? this.showLife() : this.database.query('SELECT 1'));
    // A database that stood still without an error made everybody late: where we nearly were, others may seem dead.
    const now = performance.now();
    const late = now - this.lastBeat > (this.deadAfterMs * 2) / HEARTBEATS_PER_LEASE;
    this.steadySince = late || steady === null ? now : steady;
    this.lastBeat = now;
  }
}
