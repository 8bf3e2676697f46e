import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';
import { ActiveRuns } from './active-runs';
import { Dispatcher } from './dispatcher.service';
import { RunFailures } from './run-failures.service';
import { RunQueue } from './run-queue';
import { workerIsDead, Workers } from './workers.service';

/** A job that has not come to anything after this time is looked for in the queue. */
const JOB_MISSING_AFTER_MS = 15_000;
const BATCH = 500;

interface Owned {
  id: string;
  user_id: string;
}

/**
 * Finds what a crash or an outage left behind: runs without jobs, runs without workers, runs that waited too long. Every step is a
 * statement that may be repeated at will, by any number of processes.
 */
@Injectable()
export class Reconciler {
  /** Runs that were ours by the database but not by memory at the last pass: at the second such pass they are nobody's. */
  private suspects = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly queue: RunQueue,
    private readonly workers: Workers,
    private readonly active: ActiveRuns,
    private readonly dispatcher: Dispatcher,
    private readonly failures: RunFailures,
  ) {}

  async reconcile(): Promise<void> {
    if (!this.database.ready) return;
    await this.releaseLost();
    if (this.workers.mayJudge) await this.orphanDead();
    await this.orphanForgotten();
    await this.failures.failExhausted(BATCH);
    await this.failures.failExpired(BATCH);
    await this.wakeUndispatched();
  }

  /** Runs whose job is not in the queue any more. */
  private async releaseLost(): Promise<void> {
    const late = await this.database.query<{ run_id: string; dispatch: number }>(
      `SELECT id AS run_id, dispatch FROM runs
       WHERE finished_at IS NULL AND (status = 'queued' OR worker_id IS NULL) AND dispatched_at < now() - $1 * interval '1 millisecond' LIMIT $2`,
      [JOB_MISSING_AFTER_MS, BATCH],
    );
    if (late.length === 0) return;
    const pending = await this.queue.pending(late);
    const lost = late.filter(({ run_id }) => !pending.has(run_id));
    await this.database.query(
      `UPDATE runs SET dispatched_at = NULL FROM unnest($1::uuid[], $2::int[]) AS lost (run_id, dispatch)
       WHERE runs.id = lost.run_id AND runs.dispatch = lost.dispatch AND (runs.status = 'queued' OR runs.worker_id IS NULL)`,
      [lost.map(({ run_id }) => run_id), lost.map(({ dispatch }) => dispatch)],
    );
  }

  /** Runs whose worker shows no sign of life: anybody may take them. */
  private async orphanDead(): Promise<void> {
    await this.database.query(
      `UPDATE runs r SET worker_id = NULL, dispatched_at = NULL WHERE r.status = 'running' AND ${workerIsDead('$1', '$2')}`,
      [this.workers.id, this.workers.deadAfterMs],
    );
  }

  /** Runs leased to this process that it does not advance: their executor failed in a way that left them. */
  private async orphanForgotten(): Promise<void> {
    const owned = await this.database.query<Owned>(
      `SELECT id, user_id FROM runs WHERE status = 'running' AND worker_id = $1`,
      [this.workers.id],
    );
    const mine = new Set(this.active.ids());
    const unknown = owned.map(({ id }) => id).filter((id) => !mine.has(id));
    const forgotten = unknown.filter((id) => this.suspects.has(id));
    this.suspects = new Set(unknown);
    if (forgotten.length === 0) return;
    await this.database.query(
      `UPDATE runs SET worker_id = NULL, dispatched_at = NULL WHERE id = ANY($1::uuid[]) AND status = 'running' AND worker_id = $2`,
      [forgotten, this.workers.id],
    );
  }

  private async wakeUndispatched(): Promise<void> {
    const users = await this.database.query<{ user_id: string }>(
      `SELECT DISTINCT user_id FROM runs WHERE finished_at IS NULL AND dispatched_at IS NULL AND (status = 'queued' OR worker_id IS NULL) LIMIT $1`,
      [BATCH],
    );
    for (const { user_id } of users) this.dispatcher.wake(user_id);
    await this.dispatcher.settled();
  }
}
