import { Injectable, Logger } from '@nestjs/common';
import { backoffMs, longestBackoffMs } from './backoff';
import { type Attempt, type AttemptOutcome, TaskAttempts } from './task-attempts.service';
import { TaskQueue } from './task-queue';
import { type RegisteredTask, TaskRegistry } from './task-registry';
import { TaskStore } from './task.store';

/** What a job has to bring besides the name of its task. */
export type TaskJob = Required<Attempt>;

/** How a job ended; after a failure that is not final it comes again after `retryAfterMs`. */
export type TaskJobOutcome = AttemptOutcome & { readonly retryAfterMs?: number };

/** A job may be taken up a little later than its backoff says. */
const PICK_UP_MS = 10_000;

/** Runs the tasks that one process at a time runs, when their jobs come. */
@Injectable()
export class ClusterTasks {
  private readonly logger = new Logger('tasks');
  private readonly stopping = new AbortController();

  constructor(
    private readonly registry: TaskRegistry,
    private readonly attempts: TaskAttempts,
    private readonly store: TaskStore,
    private readonly queue: TaskQueue,
  ) {}

  /**
   * One attempt at a task. While another job has the task, or where no task has this name any more, nothing is done.
   * @throws what the database throws where the attempt cannot be claimed or noted
   */
  async run(name: string, job: TaskJob): Promise<TaskJobOutcome> {
    const task = this.registry.find(name);
    if (task === undefined) return this.forget(name);
    await this.store.register(name, task.everyMs);
    if (!(await this.store.claim(name, job.jobId, task.timeoutMs + PICK_UP_MS))) return { ok: true };
    const outcome = await this.attempts.make(task, job, this.stopping.signal);
    return outcome.ok ? this.succeeded(task) : this.failed(task, job, outcome);
  }

  /** What runs is aborted, to be repeated by another process. */
  stop(): void {
    this.stopping.abort();
  }

  private async succeeded({ name }: RegisteredTask): Promise<TaskJobOutcome> {
    const failures = await this.store.succeeded(name);
    if (failures > 0) this.logger.log({ task: name, failures }, 'A background task works again');
    return { ok: true };
  }

  private async failed(
    { name }: RegisteredTask,
    { jobId, attempt }: TaskJob,
    outcome: AttemptOutcome & { ok: false },
  ): Promise<TaskJobOutcome> {
    const keepMs = outcome.final ? null : longestBackoffMs(attempt) + PICK_UP_MS;
    await this.store.failed(name, jobId, outcome.failure.support_code, keepMs);
    return { ...outcome, retryAfterMs: backoffMs(attempt) };
  }

  /** A schedule that an older version left. Should a newer one have made it, that makes it again when the task is overdue. */
  private async forget(name: string): Promise<TaskJobOutcome> {
    this.logger.warn({ task: name }, 'No task has this name: it is scheduled no longer');
    await this.queue.unschedule(name);
    return { ok: true };
  }
}
