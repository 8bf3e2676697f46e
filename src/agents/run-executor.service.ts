import { Injectable } from '@nestjs/common';
import { ActiveRuns } from './active-runs';
import { Checkpoints } from './checkpoints.service';
import { RunAttempts, RunWriters } from './run-attempts.service';
import { RunLeases } from './run-leases.service';

/** What a wake-up leads to: takes the lease of a run, if it may run now, and advances it. */
@Injectable()
export class RunExecutor {
  constructor(
    private readonly active: ActiveRuns,
    private readonly leases: RunLeases,
    private readonly attempts: RunAttempts,
    private readonly writers: RunWriters,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** A wake-up that comes twice, late, or for a run that has ended does nothing. */
  async execute(runId: string): Promise<void> {
    const active = this.active.begin(runId);
    if (active === null) return;
    try {
      const run = await this.leases.take(runId);
      if (run === null) return;
      active.fence = run.fence;
      active.attempt = run.attempt;
      await this.attempts.advance(run, active, this.writers.of(run));
    } finally {
      this.checkpoints.forget(runId);
      this.active.finish(active);
    }
  }
}
