import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { RunExecutor } from '../agents';
import { classify } from '../errors';
import { Database } from '../persistence';
import type { JobData } from './queue-definitions';

const LOOK_AGAIN_MS = 200;

/**
 * A job of `agent-runs` wakes a run; whether it may run, the lease decides. A job that meets an outage of the database waits it out: one
 * that failed would come again seconds after the return, the later the longer the outage was.
 */
@Injectable()
export class RunProcessor {
  private readonly stopping = new AbortController();

  constructor(
    private readonly executor: RunExecutor,
    private readonly database: Database,
  ) {}

  /** @throws what the run's execution throws; of an outage only after `stop` */
  async process({ run_id }: JobData<'agent-runs'>): Promise<void> {
    for (;;) {
      try {
        return await this.executor.execute(run_id);
      } catch (error) {
        if (this.stopping.signal.aborted || classify(error).reason !== 'DATABASE_UNAVAILABLE') throw error;
      }
      await this.databaseReady();
    }
  }

  /** Jobs do not wait any more. */
  stop(): void {
    this.stopping.abort();
  }

  private async databaseReady(): Promise<void> {
    const { signal } = this.stopping;
    do await Promise.allSettled([delay(LOOK_AGAIN_MS, undefined, { signal })]);
    while (!this.database.ready && !signal.aborted);
  }
}
