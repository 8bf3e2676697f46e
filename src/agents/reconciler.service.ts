import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';
import { ActiveRuns } from './active-runs';
import { Dispatcher } from './dispatcher.service';
import { allOf } from './all-of';
import { RunQueue } from './run-queue';
import { IDLE, IS_HEAD, may, moves, RUNNABLE } from './run-states';
import { WaitBounds } from './wait-bounds.service';
import { workerIsDead, Workers } from './workers.service';

/** A job that has not come to anything after this time is looked for in the queue. */
const JOB_MISSING_AFTER_MS = 3_000;
const BATCH = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

type Step = () => Promise<void>;

/** Runs locked by somebody are left for the next pass: two processes that do the same must not wait for each other. */
const orphan = (which: string): string => `
WITH orphan AS (SELECT r.id FROM runs r WHERE ${may('orphan', 'r')} AND ${which} FOR UPDATE OF r SKIP LOCKED)
UPDATE runs SET ${moves('orphan')}, worker_id = NULL, dispatched_at = NULL, waiting_since = now() FROM orphan WHERE runs.id = orphan.id`;

/**
 * Finds what a crash or an outage left behind: runs without jobs, runs without workers, runs that waited too long. Every step is a
 * statement that may be repeated at will, by any number of processes. What is looked at in batches is looked at in turn, so that the first
 * of many never hide the rest.
 */
@Injectable()
export class Reconciler {
  /** Runs that were ours by the database but not by memory at the last pass: at the second such pass they are nobody's. */
  private suspects = new Set<string>();
  private lastLate = FIRST_ID;
  private lastUser = '';

  constructor(
    private readonly database: Database,
    private readonly queue: RunQueue,
    private readonly workers: Workers,
    private readonly active: ActiveRuns,
    private readonly dispatcher: Dispatcher,
    private readonly bounds: WaitBounds,
  ) {}

  /** A step that fails stops no other. @throws what the first of them threw */
  async reconcile(): Promise<void> {
    if (!this.database.ready) return;
    const steps: Step[] = [
      () => this.orphanDead(),
      () => this.compareWithMemory(),
      () => this.bounds.enforce(BATCH),
      () => this.releaseLost(),
      () => this.wakeUndispatched(),
    ];
    await allOf(steps);
  }

  /** Runs whose job is not in the queue any more, or with a worker that died before it took the lease. */
  private async releaseLost(): Promise<void> {
    const late = await this.database.query<{ run_id: string; dispatch: number }>(
      `SELECT id AS run_id, dispatch FROM runs r
       WHERE ${IDLE} AND dispatched_at < now() - $1 * interval '1 millisecond' AND id > $2 ORDER BY id LIMIT $3`,
      [JOB_MISSING_AFTER_MS, this.lastLate, BATCH],
    );
    this.lastLate = late.length < BATCH ? FIRST_ID : (late.at(-1)?.run_id ?? FIRST_ID);
    if (late.length === 0 || !this.queue.open) return;
    const pending = await this.queue.pending(late);
    const here = new Set(this.active.ids());
    const lost = late.filter(({ run_id }) => !pending.has(run_id) && !here.has(run_id));
    if (lost.length > 0) await this.dispatcher.release(lost);
  }

  /** Runs whose worker shows no sign of life: anybody may take them. */
  private async orphanDead(): Promise<void> {
    if (!this.workers.mayJudge) return;
    await this.database.query(orphan(workerIsDead('$1', '$2')), [this.workers.id, this.workers.deadAfterMs]);
  }

  /** A run that this process advances but does not own any more is stopped; one that it owns but does not advance is let go. */
  private async compareWithMemory(): Promise<void> {
    const before = this.active.leased();
    const owned = await this.database.query<{ id: string; fence: number }>(
      `SELECT id, fence FROM runs WHERE status = 'running' AND worker_id = $1`,
      [this.workers.id],
    );
    const fences = new Map(owned.map(({ id, fence }) => [id, fence]));
    await this.stopLost(before.filter(({ id, fence }) => fences.get(id) !== fence));
    const mine = new Set(this.active.ids());
    const unknown = owned.map(({ id }) => id).filter((id) => !mine.has(id));
    const forgotten = unknown.filter((id) => this.suspects.has(id));
    this.suspects = new Set(unknown);
    if (forgotten.length === 0) return;
    await this.database.query(orphan('r.id = ANY($1::uuid[]) AND r.worker_id = $2'), [forgotten, this.workers.id]);
  }

  /** Nobody tells an agent that writes nothing that its run has ended elsewhere. A lease that nobody else took goes on. */
  private async stopLost(doubtful: readonly { id: string; fence: number }[]): Promise<void> {
    if (doubtful.length === 0) return;
    const held = await this.database.query<{ id: string; fence: number }>(
      `SELECT id, fence FROM runs WHERE status = 'running' AND id = ANY($1::uuid[])`,
      [doubtful.map(({ id }) => id)],
    );
    const fences = new Map(held.map(({ id, fence }) => [id, fence]));
    for (const { id, fence } of doubtful) if (fences.get(id) !== fence) this.active.stop(id, 'lease_lost', fence);
  }

  private async wakeUndispatched(): Promise<void> {
    const users = await this.database.query<{ user_id: string }>(
      `SELECT DISTINCT user_id FROM runs r WHERE ${IDLE} AND dispatched_at IS NULL AND ${RUNNABLE} AND ${IS_HEAD} AND user_id > $1
       ORDER BY user_id LIMIT $2`,
      [this.lastUser, BATCH],
    );
    this.lastUser = users.length < BATCH ? '' : (users.at(-1)?.user_id ?? '');
    for (const { user_id } of users) this.dispatcher.wake(user_id);
  }
}
