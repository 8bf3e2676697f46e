import { once } from 'node:events';
import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { classify, ComponentError, type Failure, FailureReporter } from '../errors';
import { MetricsRegistry } from '../telemetry';
import type { RegisteredTask } from './task-registry';

/** How an attempt ended. A failure has been reported; `final` where no attempt of this run is left. */
export type AttemptOutcome =
  { readonly ok: true } | { readonly ok: false; readonly failure: Failure; readonly final: boolean };

export interface Attempt {
  /** From 1. */
  readonly attempt: number;
  readonly attempts: number;
  readonly jobId?: string;
}

/** Makes one attempt at a task, in bounded time, and reports what goes wrong. */
@Injectable()
export class TaskAttempts {
  private readonly outcomes: Counter<'task' | 'outcome'>;
  private readonly durations: Histogram<'task'>;

  constructor(
    private readonly reporter: FailureReporter,
    registry: MetricsRegistry,
  ) {
    this.outcomes = new Counter({
      name: 'clarion_task_attempts_total',
      help: 'Attempts at background tasks by outcome: succeeded, retried, failed.',
      labelNames: ['task', 'outcome'],
      registers: [registry],
    });
    this.durations = new Histogram({
      name: 'clarion_task_duration_seconds',
      help: 'How long attempts at background tasks took.',
      labelNames: ['task'],
      buckets: [0.01, 0.1, 1, 10, 60],
      registers: [registry],
    });
  }

  /** @param stopping aborts the task's signal as well as its timeout does */
  async make(task: RegisteredTask, attempt: Attempt, stopping: AbortSignal): Promise<AttemptOutcome> {
    const ended = this.durations.startTimer({ task: task.name });
    try {
      await inTime(task, stopping);
    } catch (error) {
      return await this.failed(task, attempt, error);
    } finally {
      ended();
    }
    this.outcomes.inc({ task: task.name, outcome: 'succeeded' });
    return { ok: true };
  }

  private async failed(task: RegisteredTask, made: Attempt, cause: unknown): Promise<AttemptOutcome> {
    const { attempt, attempts, jobId } = made;
    const final = attempt >= attempts;
    const { reason } = classify(cause, 'Integration');
    const details = { task: task.name, attempt, attempts, reason };
    const error = ComponentError.integration(final ? 'BACKGROUND_TASK_FAILED' : 'BACKGROUND_TASK_RETRYING', {
      cause,
      details,
    });
    this.outcomes.inc({ task: task.name, outcome: final ? 'failed' : 'retried' });
    const failure = await this.reporter.report(error, { operation: `task.${task.name}`, job_id: jobId ?? null });
    return { ok: false, failure, final };
  }
}

/** The work's end, or an error when time is up or the process stops; work that ignores its signal goes on, unheard. */
async function inTime({ task, timeoutMs }: RegisteredTask, stopping: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const over = AbortSignal.any([AbortSignal.timeout(timeoutMs), stopping]);
  const limit = once(over, 'abort', { signal: ended.signal }).then(() => Promise.reject(over.reason as Error));
  try {
    over.throwIfAborted();
    await Promise.race([task.run(over), limit]);
  } finally {
    ended.abort();
    await Promise.allSettled([limit]);
  }
}
