import { Injectable } from '@nestjs/common';
import { UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import { classify, ComponentError, FailureReporter } from '../errors';
import { type JobData, type Processors, type QueueName, QUEUES } from './queue-definitions';
import { QueueMetrics } from './queue-metrics';

/** What of a BullMQ job is needed here. */
export interface Attempted {
  readonly id?: string;
  readonly data: unknown;
  /** Attempts before this one. */
  readonly attemptsMade: number;
  readonly opts: { readonly attempts?: number };
}

const Concerning = z.object({ run_id: z.uuid() });

/** The filter at the edge of the queues: every failed attempt is reported once, and the job's `failedReason` carries its support code. */
@Injectable()
export class JobFailures {
  constructor(
    private readonly reporter: FailureReporter,
    private readonly metrics: QueueMetrics,
  ) {}

  /**
   * Validates what the job carries and hands it to its processor.
   * @throws Error for an attempt that BullMQ repeats; UnrecoverableError for a job that ends as a dead letter
   */
  async attempt<N extends QueueName>(queue: N, job: Attempted, processor: Processors[N]): Promise<void> {
    try {
      await processor(QUEUES[queue].data.parse(job.data) as JobData<N>);
      this.metrics.attempt(queue, 'completed');
    } catch (error) {
      throw await this.failureOf(queue, job, error);
    }
  }

  private async failureOf(queue: QueueName, job: Attempted, error: unknown): Promise<Error> {
    const { reason, definition, details } = classify(error, 'Redis');
    const attempts = job.opts.attempts ?? 1;
    const attempt = job.attemptsMade + 1;
    const final = !definition.retryable || attempt >= attempts;
    const told = { queue, attempt, attempts };
    const failure = await this.reporter.report(
      final
        ? ComponentError.redis('QUEUE_JOB_FAILED', { cause: error, details: { ...told, reason } })
        : new ComponentError(reason, { cause: error, details: { ...details, ...told } }),
      { operation: `queue.${queue}`, job_id: job.id, run_id: Concerning.safeParse(job.data).data?.run_id ?? null },
    );
    this.metrics.attempt(queue, final ? 'failed' : 'retried');
    const failedReason = `${failure.support_code}: ${definition.message}`;
    return final ? new UnrecoverableError(failedReason) : new Error(failedReason, { cause: error });
  }
}
