import { Injectable } from '@nestjs/common';
import { FailureReporter, PeriodicLoop } from '../errors';
import { ActiveRuns } from './active-runs';
import { Checkpoints } from './checkpoints.service';
import { Dispatcher } from './dispatcher.service';
import { Reconciler } from './reconciler.service';
import { Workers } from './workers.service';

const RECONCILE_EVERY_MS = 1_000;

/** Starts and stops what advances runs in this process. */
@Injectable()
export class Supervisor {
  private readonly reconciling: PeriodicLoop;

  constructor(
    private readonly workers: Workers,
    private readonly checkpoints: Checkpoints,
    private readonly active: ActiveRuns,
    private readonly dispatcher: Dispatcher,
    reconciler: Reconciler,
    reporter: FailureReporter,
  ) {
    this.reconciling = new PeriodicLoop({
      name: 'run.reconcile',
      everyMs: RECONCILE_EVERY_MS,
      jitter: 0.1,
      work: () => reconciler.reconcile(),
      reporter,
    });
  }

  /** Needs the database; afterwards outages are waited out. Before this resolves no run may be leased. */
  async start(): Promise<void> {
    await this.workers.start();
    this.checkpoints.start();
    this.reconciling.start();
    void this.reconciling.trigger();
  }

  /**
   * Lets the runs of this process go on for at most `graceMs`, then hands them over. The queue must not deliver any more.
   */
  async drain(graceMs: number): Promise<void> {
    await this.reconciling.stop();
    await within(graceMs, this.active.whenIdle());
    this.active.shutDown();
    await within(HANDOVER_MS, this.active.whenIdle());
    await within(HANDOVER_MS, this.dispatcher.close());
    await this.checkpoints.stop();
    await this.workers.stop();
  }
}

const HANDOVER_MS = 2_000;

async function within(ms: number, work: Promise<void>): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(() => limit.resolve(), ms);
  await Promise.race([work, limit.promise]);
  clearTimeout(timer);
}
