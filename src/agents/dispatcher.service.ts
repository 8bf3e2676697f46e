import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { classify, ComponentError, FailureReporter } from '../errors';
import { parseTraceparent, untraced } from '../telemetry';
import { RunClaims, type Claimed } from './run-claims.store';
import { RunQueue, type RunWakeUp } from './run-queue';

/** Users whose runs are claimed by one statement. */
const BATCH = 100;

/** More at once would leave requests without connections. */
const AT_ONCE = 2;

/** Claimed runs that are enqueued together: the more, the less each of them costs. */
const ENQUEUE_BATCH = 512;
/** More at once are a crowd: they wait a little for others. */
const FEW = 8;
const GATHER_MS = 40;
/** Claimed runs that may wait to be enqueued; more are left in the database, where they cost no memory. */
const MAX_GIVEN = 2_000;

/** Gives the queue only what may run now: the head run of a thread, and per user and agent no more than their limits. */
@Injectable()
export class Dispatcher {
  private readonly waiting = new Set<string>();
  /** Agents that may have a place again. */
  private readonly freed = new Set<string>();
  private readonly dispatching = new Set<Promise<void>>();
  /** Claimed by whoever gave them, and not yet enqueued. */
  private readonly given: Claimed[] = [];
  private giving = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private draining = 0;
  /** Runs whose delay is recorded; empty again as soon as the queue takes something. */
  private readonly delayed = new Set<string>();

  constructor(
    private readonly claims: RunClaims,
    private readonly queue: RunQueue,
    private readonly reporter: FailureReporter,
  ) {}

  /** The user may have runs to dispatch. What fails here is found by the reconciler. */
  wake(userId: string): void {
    this.waiting.add(userId);
    this.work();
  }

  /** A run of the agent does not stand in its places any more: whoever is next in its line may go on, of whatever user. */
  wakeAgent(agent: string): void {
    if (!this.claims.limits(agent)) return;
    this.freed.add(agent);
    this.work();
  }

  /** True when runs of the agent may be claimed by whoever accepts them, and given. */
  takes(agent: string): boolean {
    return this.queue.open && this.given.length < MAX_GIVEN && !this.claims.limits(agent);
  }

  /** Enqueues runs that are claimed. If the process ends before, the reconciler finds that they have no job. */
  give(claimed: readonly Claimed[]): void {
    this.given.push(...claimed);
    if (!this.giving) this.track(untraced(() => this.enqueueGiven()));
  }

  /** Wakes the user's runs after a while. If the process ends meanwhile, the reconciler of another does. */
  wakeIn(delayMs: number, userId: string): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.wake(userId);
    }, delayMs);
    this.timers.add(timer);
  }

  /** Makes runs claimable again whose wake-up came to nothing. */
  release(wakeUps: readonly RunWakeUp[]): Promise<void> {
    return this.claims.release(wakeUps);
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

  private work(): void {
    if (this.draining < AT_ONCE) this.track(untraced(() => this.drain()));
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.dispatching.delete(tracked));
    this.dispatching.add(tracked);
  }

  private async enqueueGiven(): Promise<void> {
    this.giving = true;
    while (this.given.length > 0) {
      if (this.given.length > FEW) await pause(GATHER_MS);
      const claimed = this.given.splice(0, ENQUEUE_BATCH);
      await this.orReport(null, () => this.enqueue(claimed));
    }
    this.giving = false;
  }

  private async drain(): Promise<void> {
    this.draining += 1;
    while (this.waiting.size + this.freed.size > 0) {
      const users = [...this.waiting].slice(0, BATCH);
      for (const userId of users) this.waiting.delete(userId);
      const agents = [...this.freed];
      this.freed.clear();
      await this.dispatch(users, agents);
    }
    // In the same turn as the last look at who waits: no wake can slip in between.
    this.draining -= 1;
  }

  private async dispatch(users: readonly string[], freed: readonly string[]): Promise<void> {
    // The reconciler asks again every second.
    if (!this.queue.open) return;
    await this.orReport(users.length === 1 ? (users[0] ?? null) : null, async () => {
      // Limited agents first: their places are scarcer than those of a user.
      const agents = new Set([...freed, ...(await this.claims.agentsFor(users))]);
      for (const agent of agents) await this.enqueue(await this.claims.ofAgent(agent));
      if (users.length > 0) await this.enqueue(await this.claims.ofUsers(users));
    });
  }

  private async orReport(user_id: string | null, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.reporter.report(error, { operation: 'run.dispatch', user_id });
    }
  }

  private async enqueue(wakeUps: readonly Claimed[]): Promise<void> {
    if (wakeUps.length === 0) return;
    try {
      await this.queue.enqueue(wakeUps);
      this.delayed.clear();
    } catch (cause) {
      await Promise.all(wakeUps.map((wakeUp) => this.reportDelayed(wakeUp, cause)));
      // The reconciler dispatches them.
      await this.release(wakeUps);
    }
  }

  /** Once per run: the user hears that it waits, not how often we tried. What keeps it may be the database, where that is the queue. */
  private async reportDelayed(
    { run_id, user_id, thread_id, dispatch, traceparent }: Claimed,
    cause: unknown,
  ): Promise<void> {
    if (this.delayed.has(run_id)) return;
    this.delayed.add(run_id);
    const error = isOfDatabase(cause)
      ? ComponentError.database('RUN_STALLED', { cause, details: { runs: [run_id], dispatch } })
      : ComponentError.redis('RUN_DELAYED', { cause, details: { dispatch } });
    const trace_id = parseTraceparent(traceparent)?.traceId;
    const about = { user_id, thread_id, run_id, trace_id };
    await this.reporter.report(error, { operation: 'run.enqueue', ...about, notify: dispatch === 1 });
  }
}

/** What fails of a queue says so; below it may be what PostgreSQL says. */
function isOfDatabase(error: unknown): boolean {
  const below = error instanceof ComponentError && error.cause !== undefined ? error.cause : error;
  return classify(below, 'Redis').definition.component === 'Database';
}
