import { Injectable } from '@nestjs/common';
import { RunExecutor } from '../agents';
import type { JobData } from './queue-definitions';

/** A job of `agent-runs` wakes a run; whether it may run, the lease decides. */
@Injectable()
export class RunProcessor {
  constructor(private readonly executor: RunExecutor) {}

  process({ run_id }: JobData<'agent-runs'>): Promise<void> {
    return this.executor.execute(run_id);
  }
}
