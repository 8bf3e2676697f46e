import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';
import { ClusterTasks } from '../tasks';
import { ReportedFailure } from './job-failures';
import type { JobAttempt, JobData } from './queue-definitions';
import { TaskCanary } from './task-canary.service';
import { waitOut } from './wait-out';

/** A job of `background-tasks` wakes a task. */
@Injectable()
export class TaskProcessor {
  private readonly stopping = new AbortController();

  constructor(
    private readonly tasks: ClusterTasks,
    private readonly database: Database,
    private readonly canary: TaskCanary,
  ) {}

  /** @throws ReportedFailure for an attempt that failed */
  async process({ task }: JobData<'background-tasks'>, job: JobAttempt): Promise<void> {
    if (this.canary.takes(task)) return;
    const outcome = await waitOut(this.database, this.stopping.signal, () => this.tasks.run(task, job));
    if (!outcome.ok) throw new ReportedFailure(outcome.failure, outcome.final, outcome.retryAfterMs);
  }

  /** Jobs do not wait any more, and what runs is aborted. */
  stop(): void {
    this.stopping.abort();
    this.tasks.stop();
  }
}
