import { Injectable } from '@nestjs/common';
import { inSpan } from '../telemetry';
import { type ActiveRun, ActiveRuns, RunStop } from './active-runs';
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

  /** A wake-up that comes twice, late, or for a run that has ended does nothing; one that comes while this process stops is given back. */
  async execute(runId: string): Promise<void> {
    let again = true;
    while (again) {
      const active = this.active.begin(runId);
      if (active === null) return;
      try {
        await this.advance(active);
      } catch (stop) {
        // What this process had no time for, another one finds.
        if (!(stop instanceof RunStop)) throw stop;
      } finally {
        this.checkpoints.forget(runId);
        again = this.active.finish(active);
      }
    }
  }

  private async advance(active: ActiveRun): Promise<void> {
    const { shutdown } = active;
    if (shutdown.aborted) return this.leases.decline(active.id);
    const run = await this.leases.take(active.id, shutdown);
    if (run === null) return;
    if (isFirstLease(run)) this.policy.runBegan();
    active.fence = run.fence;
    const { user_id, agent, attempt, fence } = run;
    const attributes = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': agent };
    const place = { 'clarion.run.attempt': attempt, 'clarion.run.fence': fence };
    await inSpan(`invoke_agent ${agent}`, { attributes: { ...attributes, ...place }, fields: { user_id } }, () =>
      this.attempts.advance(run, active, this.writers.of(run)),
    );
  }
}
