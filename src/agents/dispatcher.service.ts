import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { Database } from '../persistence';
import { IDLE, IS_HEAD, RUNNABLE } from './run-states';
import { RunQueue, type RunWakeUp } from './run-queue';

interface Dispatched extends RunWakeUp {
  user_id: string;
  thread_id: string;
}

/**
 * What of these users' may run now and was not dispatched yet: the head run of each thread, and runs that lost their worker; of each user
 * no more than the user's limit leaves room for.
 */
const CLAIM = `
WITH wanted AS (
  SELECT user_id FROM unnest($1::text[]) AS w (user_id)
), room AS (
  SELECT w.user_id, $2 - count(a.id) AS places FROM wanted w
  LEFT JOIN runs a ON a.user_id = w.user_id AND a.finished_at IS NULL AND a.dispatched_at IS NOT NULL
  GROUP BY w.user_id
), ranked AS (
  SELECT r.id, r.user_id, row_number() OVER (PARTITION BY r.user_id ORDER BY r.ordinal) AS place
  FROM runs r JOIN wanted USING (user_id)
  WHERE ${IDLE} AND r.dispatched_at IS NULL AND ${RUNNABLE} AND ${IS_HEAD}
), candidate AS (
  SELECT r.id FROM runs r JOIN ranked USING (id) JOIN room ON room.user_id = ranked.user_id
  WHERE ranked.place <= room.places AND r.finished_at IS NULL AND r.dispatched_at IS NULL
  ORDER BY r.id FOR UPDATE OF r SKIP LOCKED)
UPDATE runs SET dispatch = dispatch + 1, dispatched_at = now() FROM candidate WHERE runs.id = candidate.id
RETURNING runs.id AS run_id, runs.dispatch, runs.user_id, runs.thread_id`;

/** Two claims at once would both see the same room under a user's limit. In one order, or two processes deadlock. */
const LOCK_USERS = `
SELECT pg_advisory_xact_lock(key) FROM (
  SELECT DISTINCT hashtextextended(user_id, 1) AS key FROM unnest($1::text[]) AS w (user_id) ORDER BY key) AS keys`;

/** Users whose runs are claimed by one statement. */
const BATCH = 100;

/** More at once would leave requests without connections. */
const AT_ONCE = 2;

/** Makes runs claimable whose wake-up did not come to anything. Locked ones are left: whoever holds them changes them. */
export const RELEASE = `
WITH lost AS (
  SELECT r.id FROM runs r JOIN unnest($1::uuid[], $2::int[]) AS l (run_id, dispatch) ON r.id = l.run_id AND r.dispatch = l.dispatch
  WHERE ${IDLE} FOR UPDATE OF r SKIP LOCKED)
UPDATE runs SET dispatched_at = NULL FROM lost WHERE runs.id = lost.id`;

/** Gives the queue only what may run now: the head run of a thread, and per user no more than the user's limit. */
@Injectable()
export class Dispatcher {
  private readonly waiting = new Set<string>();
  private readonly dispatching = new Set<Promise<void>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private draining = 0;
  /** Runs whose delay is recorded; empty again as soon as the queue takes something. */
  private readonly delayed = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly queue: RunQueue,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** The user may have runs to dispatch. What fails here is found by the reconciler. */
  wake(userId: string): void {
    this.waiting.add(userId);
    if (this.draining >= AT_ONCE) return;
    const work = this.drain().finally(() => this.dispatching.delete(work));
    this.dispatching.add(work);
  }

  /** Wakes the user's runs after a while. If the process ends meanwhile, the reconciler of another does. */
  wakeIn(delayMs: number, userId: string): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.wake(userId);
    }, delayMs);
    this.timers.add(timer);
  }

  /** Forgets what is due later; resolves when every wake so far has been worked off. */
  close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    return this.settled();
  }

  /** Resolves when every wake so far has been worked off. */
  async settled(): Promise<void> {
    while (this.dispatching.size > 0) await Promise.all(this.dispatching);
  }

  private async drain(): Promise<void> {
    this.draining += 1;
    while (this.waiting.size > 0) {
      const users = [...this.waiting].slice(0, BATCH);
      for (const userId of users) this.waiting.delete(userId);
      await this.dispatch(users);
    }
    // In the same turn as the last look at who waits: no wake can slip in between.
    this.draining -= 1;
  }

  private async dispatch(users: readonly string[]): Promise<void> {
    // The reconciler asks again every second.
    if (!this.queue.open) return;
    try {
      const claimed = await this.claim(users);
      if (claimed.length > 0) await this.enqueue(claimed);
    } catch (error) {
      await this.reporter.report(error, { operation: 'run.dispatch', user_id: users.length === 1 ? users[0] : null });
    }
  }

  private claim(users: readonly string[]): Promise<Dispatched[]> {
    return this.database.transaction(async (tx) => {
      await tx.query(LOCK_USERS, [users]);
      return tx.query<Dispatched>(CLAIM, [users, this.config.agents.runsPerUser]);
    });
  }

  private async enqueue(wakeUps: readonly Dispatched[]): Promise<void> {
    try {
      await this.queue.enqueue(wakeUps);
      this.delayed.clear();
    } catch (cause) {
      await Promise.all(wakeUps.map((wakeUp) => this.reportDelayed(wakeUp, cause)));
      await this.release(wakeUps);
    }
  }

  /** Makes the runs claimable again; the reconciler dispatches them. */
  private async release(wakeUps: readonly Dispatched[]): Promise<void> {
    await this.database.query(RELEASE, [wakeUps.map(({ run_id }) => run_id), wakeUps.map(({ dispatch }) => dispatch)]);
  }

  /** Once per run: the user hears that it waits, not how often we tried. */
  private async reportDelayed({ run_id, user_id, thread_id, dispatch }: Dispatched, cause: unknown): Promise<void> {
    if (this.delayed.has(run_id)) return;
    this.delayed.add(run_id);
    const error = ComponentError.redis('RUN_DELAYED', { cause, details: { dispatch } });
    await this.reporter.report(error, { operation: 'run.enqueue', user_id, thread_id, run_id, notify: dispatch === 1 });
  }
}
