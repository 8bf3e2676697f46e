import type { JobsOptions, WorkerOptions } from 'bullmq';
import { z } from 'zod';
import type { AppConfig } from '../config';

/** One queue: what its jobs carry, how often they are tried and how long they are kept. */
interface QueueDefinition<T> {
  readonly data: z.ZodType<T>;
  /** `attempts` count failures that a later try can mend; others end the job at once. Ages in seconds, delays in milliseconds. */
  readonly jobs: JobsOptions;
  /** Jobs that one process works on at the same time. */
  readonly concurrency: (config: AppConfig) => number;
  /** Where it is not that of `WORKER_OPTIONS`: how long a job is kept from others without a sign of life, in milliseconds. */
  readonly lockDuration?: number;
}

function define<T>(definition: QueueDefinition<T>): QueueDefinition<T> {
  return definition;
}

/** Dead letters stay long enough to be looked at, and never without bound. */
const KEEP_FAILED = { age: 7 * 86_400, count: 5_000 };

/** Jobs that each wake one round; the row of what goes on decides when the next one is, and a sweep finds what a lost job has left. */
function rounds(concurrency: number) {
  return {
    data: z.object({ id: z.uuid(), round: z.int().min(0) }),
    jobs: {
      attempts: 4,
      backoff: { type: 'exponential', delay: 1_000, jitter: 0.3 },
      removeOnComplete: { age: 86_400, count: 1_000 },
      removeOnFail: KEEP_FAILED,
    },
    concurrency: () => concurrency,
  } satisfies QueueDefinition<{ id: string; round: number }>;
}

/** Every queue of Clarion. A queue needs exactly one processor; the types hold that. */
export const QUEUES = {
  'agent-runs': define({
    data: z.object({ run_id: z.uuid(), dispatch: z.int().min(1), traceparent: z.string().nullish() }),
    jobs: {
      attempts: 8,
      backoff: { type: 'exponential', delay: 500, jitter: 0.3 },
      removeOnComplete: { age: 3_600, count: 1_000 },
      removeOnFail: KEEP_FAILED,
    },
    concurrency: (config) => config.agents.workerConcurrency,
    // A process that is short of processor time renews late, and would be given what it works on again and again. Nobody waits for this lock:
    // a run that has lost its worker is found by its lease, and one whose job has come to nothing gets another.
    lockDuration: 15_000,
  }),
  'background-tasks': define({
    data: z.object({ task: z.string().min(1).max(100) }),
    jobs: {
      attempts: 5,
      backoff: { type: 'as-asked' },
      removeOnComplete: { age: 3_600, count: 500 },
      removeOnFail: KEEP_FAILED,
    },
    concurrency: () => 4,
  }),
  'message-recovery': define(rounds(20)),
  'fallback-delivery': define(rounds(10)),
  /** A job that is sent and done shows that the queues work. One that was not done has an id that stands in the way of the next. */
  'health-checks': define({
    data: z.object({ id: z.string().min(1).max(100) }),
    jobs: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    concurrency: () => 10,
  }),
  'alert-deliveries': define({
    data: z.object({ delivery_id: z.uuid() }),
    jobs: {
      attempts: 5,
      backoff: { type: 'as-asked' },
      removeOnComplete: { age: 3_600, count: 500 },
      removeOnFail: KEEP_FAILED,
    },
    concurrency: () => 4,
  }),
};

export type QueueName = keyof typeof QUEUES;
export type JobData<N extends QueueName> = z.output<(typeof QUEUES)[N]['data']>;
export const QUEUE_NAMES = Object.keys(QUEUES) as QueueName[];

/** The attempt that a processor makes; `attempt` counts from 1. */
export interface JobAttempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly attempts: number;
}

/** Exactly one processor a queue. */
export type Processors = { readonly [N in QueueName]: (data: JobData<N>, attempt: JobAttempt) => Promise<void> };

/**
 * A killed worker is noticed after `lockDuration` and one `stalledInterval`. A stall never fails a job: attempts decide. The default
 * `runRetryDelay` of 15 s would delay the first job after an outage. A worker on Redis that waits for jobs asks again after `drainDelay`
 * seconds, which is how long a connection that died in silence stays unnoticed.
 */
export const WORKER_OPTIONS = {
  lockDuration: 2_000,
  lockRenewTime: 1_000,
  stalledInterval: 1_000,
  maxStalledCount: 1_000_000,
  runRetryDelay: 500,
  // The backoff `as-asked`: a failure says itself when its job comes again.
  settings: { backoffStrategy: (_attempts, _type, error) => askedDelay(error) },
  drainDelay: 2,
} satisfies Partial<WorkerOptions>;

const UNASKED_MS = 1_000;

function askedDelay(error: unknown): number {
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' ? retryAfterMs : UNASKED_MS;
}
