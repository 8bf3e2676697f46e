import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { backoffMs } from './backoff';
import { TaskAttempts } from './task-attempts.service';
import { type RegisteredTask, TaskRegistry } from './task-registry';
import type { TaskState } from './task.store';

const GRACE_MS = 10_000;

/** Runs the tasks that every process runs for itself, each by a timer of its own. What is known of them is the process's, and ends with it. */
@Injectable()
export class ProcessTasks implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly timers = new Map<string, TaskTimer>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly registry: TaskRegistry,
    private readonly attempts: TaskAttempts,
  ) {}

  onApplicationBootstrap(): void {
    for (const task of this.registry.all('process')) {
      const timer = new TaskTimer(task, this.attempts, this.stopping.signal);
      this.timers.set(task.name, timer);
      timer.schedule();
    }
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.timers.values()].map((timer) => timer.stop()));
  }

  states(): TaskState[] {
    return [...this.timers.values()].map((timer) => timer.state());
  }

  /** Runs the task now, or waits for the run that is going on. */
  async run(name: string): Promise<void> {
    await this.timers.get(name)?.run();
  }
}

class TaskTimer {
  private readonly logger = new Logger('tasks');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private dueAt = Date.now();
  private startedAt: number | null = null;
  private succeededAt: number | null = null;
  private failedAt: number | null = null;
  private failures = 0;
  private failingSince: number | null = null;
  private supportCode: string | null = null;

  constructor(
    private readonly task: RegisteredTask,
    private readonly attempts: TaskAttempts,
    private readonly stopping: AbortSignal,
  ) {}

  schedule(): void {
    if (this.stopping.aborted) return;
    const wait = this.failures === 0 ? this.task.everyMs : backoffMs(this.failures);
    this.dueAt = Date.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.run(), wait);
  }

  run(): Promise<void> {
    this.running ??= this.attempt().then(() => {
      this.running = undefined;
      this.schedule();
    });
    return this.running;
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  state(): TaskState {
    const { name, scope, everyMs, attempts } = this.task;
    return {
      name,
      scope,
      every_ms: everyMs,
      attempts,
      last_started_at: iso(this.startedAt),
      last_success_at: iso(this.succeededAt),
      last_failed_at: iso(this.failedAt),
      next_due_at: iso(this.dueAt),
      consecutive_failures: this.failures,
      failing_since: iso(this.failingSince),
      support_code: this.supportCode,
      running: this.running !== undefined,
      overdue: this.running === undefined && this.dueAt + GRACE_MS < Date.now(),
    };
  }

  /** Never rejects. */
  private async attempt(): Promise<void> {
    const { name, attempts } = this.task;
    this.startedAt = Date.now();
    const attempt = (this.failures % attempts) + 1;
    const outcome = await this.attempts.make(this.task, { attempt, attempts }, this.stopping);
    if (outcome.ok) {
      if (this.failures > 0) this.logger.log({ task: name, failures: this.failures }, 'A background task works again');
      this.succeededAt = Date.now();
      [this.failures, this.failingSince, this.supportCode] = [0, null, null];
    } else {
      this.failedAt = Date.now();
      this.failures += 1;
      this.supportCode = outcome.failure.support_code;
      if (outcome.final) this.failingSince ??= Date.now();
    }
  }
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
