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
  private readonly heartbeat: PeriodicLoop;
  /** Since when every heartbeat has succeeded, by the monotonic clock; null during an outage. */
  private steadySince: number | null = null;

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
    reporter: FailureReporter,
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
    this.heartbeat.start();
  }

  async stop(): Promise<void> {
    await this.heartbeat.stop();
    if (this.database.ready) await this.database.query('DELETE FROM workers WHERE id = $1', [this.id]);
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

  private async beat(): Promise<void> {
    if (!this.database.ready) {
      this.steadySince = null;
      return;
    }
    const before = this.steadySince;
    this.steadySince = null;
    await this.database.query(
      `INSERT INTO workers (id, host, pid) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()`,
      [this.id, hostname(), process.pid],
    );
    this.steadySince = before ?? performance.now();
  }
}
