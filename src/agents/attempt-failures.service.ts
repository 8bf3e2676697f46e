import { Injectable, Logger } from '@nestjs/common';
import { classify, ComponentError, type Failure, FailureReporter } from '../errors';
import { type ActiveRun, RunStop } from './active-runs';
import { RetryPolicy, type Verdict } from './retry-policy.service';
import type { Run } from './run';
import { RunLeases } from './run-leases.service';
import type { RunWriter } from './run-writer';
import { untilDatabaseTakes } from './until';

/** What becomes of a run whose attempt did not complete. */
@Injectable()
export class AttemptFailures {
  private readonly logger = new Logger(AttemptFailures.name);

  constructor(
    private readonly policy: RetryPolicy,
    private readonly leases: RunLeases,
    private readonly reporter: FailureReporter,
  ) {}

  /** Resolves when the run waits for its next attempt, has ended, was handed over, or is somebody else's. */
  async conclude(run: Run, active: ActiveRun, writer: RunWriter, error: unknown): Promise<void> {
    try {
      if (error instanceof RunStop) throw error;
      // A worker that comes back from the dead blames nobody: whoever has the run now tells of it.
      if (!(await untilDatabaseTakes(active.shutdown, () => this.leases.holds(run)))) throw new RunStop('lease_lost');
      await this.goOnOrEnd(run, active, writer, error);
    } catch (stop) {
      if (!(stop instanceof RunStop)) throw stop;
      await this.stop(run, active, stop);
    }
  }

  /** Whether a step that failed may be repeated within its attempt. */
  mayRepeatStep(): boolean {
    return this.policy.mayRepeatStep();
  }

  private async goOnOrEnd(run: Run, active: ActiveRun, writer: RunWriter, error: unknown): Promise<void> {
    const verdict = this.policy.judge(run, error);
    const failure = await this.report(run, error, verdict);
    if (verdict.kind !== 'fail') return writer.goOn({ verdict, failure }, active.shutdown);
    await writer.end({ status: 'failed', content: active.text, error: failure.error }, active.shutdown);
  }

  private report(run: Run, error: unknown, verdict: Verdict): Promise<Failure> {
    const { id: run_id, user_id, thread_id } = run;
    const context = { operation: 'run.execute', component: 'AgentSupervisor', run_id, user_id, thread_id } as const;
    const final = verdict.kind === 'fail' && run.failures.length > 0;
    return this.reporter.report(final ? withChain(error, run, verdict.why) : error, context);
  }

  private async stop(run: Run, { usage }: ActiveRun, { kind }: RunStop): Promise<void> {
    if (kind === 'shutdown') return this.leases.handOver(run, usage);
    if (kind === 'lease_lost') {
      const about = { run_id: run.id, attempt: run.attempt, fence: run.fence };
      this.logger.warn(about, 'Lost the lease of a run: it ended or goes on elsewhere, nothing more is written here');
    }
  }
}

/** The last failure of a run, with those that led to it: one record tells the whole chain. */
function withChain(error: unknown, { failures }: Run, not_repeated: string): ComponentError {
  const { reason, details, retryAfterMs } = classify(error, 'AgentSupervisor');
  return new ComponentError(reason, {
    details: { ...details, not_repeated, earlier: failures },
    retryAfterMs,
    cause: error,
  });
}
