import { Injectable } from '@nestjs/common';
import { RunExecutor } from '../agents';
import { Database } from '../persistence';
import type { JobData } from './queue-definitions';
import { waitOut } from './wait-out';

/** A job of `agent-runs` wakes a run; whether it may run, the lease decides. */
@Injectable()
export class RunProcessor {
  private readonly stopping = new AbortController();

  constructor(
    private readonly executor: RunExecutor,
    private readonly database: Database,
  ) {}

  /** @throws what the run's execution throws; of an outage only after `stop` */
  process({ run_id }: JobData<'agent-runs'>): Promise<void> {
    return waitOut(this.database, this.stopping.signal, () => this.executor.execute(run_id));
  }

  /** Jobs do not wait any more. */
  stop(): void {
    this.stopping.abort();
  }
}
