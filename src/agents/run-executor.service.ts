import { Injectable } from '@nestjs/common';
import { type ActiveRun, ActiveRuns } from './active-runs';
import { Checkpoints } from './checkpoints.service';
import { RetryPolicy } from './retry-policy.service';
import { isFirstLease } from './run';
import { RunAttempts } from './run-attempts.service';
import { RunLeases } from './run-leases.service';
import { RunWriters } from './run-writers.service';

/** What a wake-up leads to: takes the lease of a run, if it may run now, and advances it. */
@Injectable()
export class RunExecutor {
  constructor(
    private readonly active: ActiveRuns,
    private readonly leases: RunLeases,
    private readonly attempts: RunAttempts,
    private readonly writers: RunWriters,
    private readonly checkpoints: Checkpoints,
    private readonly policy: RetryPolicy,
  ) {}

  /** A wake-up that comes twice, late, or for a run that has ended does nothing. */
  async execute(runId: string): Promise<void> {
    let again = true;
    while (again) {
      const active = this.active.begin(runId);
      if (active === null) return;
      try {
        await this.advance(active);
      } finally {
        this.checkpoints.forget(runId);
        again = this.active.finish(active);
      }
    }
  }

  private async advance(active: ActiveRun): Promise<void> {
    const run = await this.leases.take(active.id);
    if (run === null) return;
    if (isFirstLease(run)) this.policy.runBegan();
    active.fence = run.fence;
    await this.attempts.advance(run, active, this.writers.of(run));
  }
}
