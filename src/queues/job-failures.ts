import { Injectable } from '@nestjs/common';
import { UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import { classify, ComponentError, type Failure, FailureReporter } from '../errors';
import { type JobAttempt, type JobData, type Processors, type QueueName, QUEUES } from './queue-definitions';
import { QueueMetrics } from './queue-metrics';

/** What of a BullMQ job is needed here. */
export interface Attempted {
  readonly id?: string;
  readonly data: unknown;
  /** Attempts before this one. */
  readonly attemptsMade: number;
  readonly opts: { readonly attempts?: number };
}

/** Thrown by a processor whose feature has reported the failure itself. */
export class ReportedFailure extends Error {
  override readonly name = 'ReportedFailure';

  /** @param retryAfterMs when the job comes again, where its queue asks for that */
  constructor(
    readonly failure: Failure,
    readonly final: boolean,
    readonly retryAfterMs?: number,
  ) {
    super(failure.cause.message, { cause: failure.cause });
  }
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
    const attempt = attemptOf(job);
    try {
      await processor(QUEUES[queue].data.parse(job.data) as JobData<N>, attempt);
      this.metrics.attempt(queue, 'completed');
    } catch (error) {
      const failed = error instanceof ReportedFailure ? error : await this.report(queue, job, attempt, error);
      this.metrics.attempt(queue, failed.final ? 'failed' : 'retried');
      throw asBullMqTakesIt(failed);
    }
  }

  private async report(
    queue: QueueName,
    job: Attempted,
    { attempt, attempts }: JobAttempt,
    error: unknown,
  ): Promise<ReportedFailure> {
    const { reason, definition, details } = classify(error, 'Redis');
    const final = !definition.retryable || attempt >= attempts;
    const told = { queue, attempt, attempts };
    const failure = await this.reporter.report(
      final
        ? ComponentError.redis('QUEUE_JOB_FAILED', { cause: error, details: { ...told, reason } })
        : new ComponentError(reason, { cause: error, details: { ...details, ...told } }),
      { operation: `queue.${queue}`, job_id: job.id, run_id: Concerning.safeParse(job.data).data?.run_id ?? null },
    );
    return new ReportedFailure(failure, final);
  }
}

/** A dead letter that is retried by hand has one attempt more. */
function attemptOf({ id, attemptsMade, opts }: Attempted): JobAttempt {
  const attempt = attemptsMade + 1;
  return { jobId: id ?? 'unknown', attempt, attempts: Math.max(opts.attempts ?? 1, attempt) };
}

/** What went wrong beneath, with the support code of its report. */
function asBullMqTakesIt({ failure, final, retryAfterMs }: ReportedFailure): Error {
  const cause = failure.cause.cause ?? failure.cause;
  const failedReason = `${failure.support_code}: ${classify(cause).message}`;
  return final
    ? new UnrecoverableError(failedReason)
    : Object.assign(new Error(failedReason, { cause }), { retryAfterMs });
}
