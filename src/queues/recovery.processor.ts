import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';
import { Fallback, RecoveryRounds } from '../recovery';
import { ReportedFailure } from './job-failures';
import type { JobData } from './queue-definitions';
import { waitOut } from './wait-out';

/** A job wakes a round; whether it is still to be done, its row decides. */
@Injectable()
export class RecoveryProcessor {
  private readonly stopping = new AbortController();

  constructor(
    private readonly rounds: RecoveryRounds,
    private readonly fallback: Fallback,
    private readonly database: Database,
  ) {}

  look(job: JobData<'message-recovery'>): Promise<void> {
    return waitOut(this.database, this.stopping.signal, () => this.rounds.look(job));
  }

  /** @throws ReportedFailure for a digest that is given up: its job stays as a dead letter, and may be retried */
  async deliver(job: JobData<'fallback-delivery'>): Promise<void> {
    const failure = await waitOut(this.database, this.stopping.signal, () => this.fallback.deliver(job));
    if (failure !== null) throw new ReportedFailure(failure, true);
  }

  /** Jobs do not wait any more. */
  stop(): void {
    this.stopping.abort();
  }
}
