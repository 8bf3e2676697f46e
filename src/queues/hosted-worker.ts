import { Logger } from '@nestjs/common';
import { ErrorCode, type Job, WaitingError } from 'bullmq';
import { within } from '../errors';
import type { Attempted } from './job-failures';
import { BackendWorker, type HostedQueue, type QueueConnections } from './bull';
import { oldestWaiting } from './oldest-waiting';
import { type QueueName, QUEUES, WORKER_OPTIONS } from './queue-definitions';
import type { QueueMetrics } from './queue-metrics';

interface HostedWorkerOptions {
  readonly queue: QueueName;
  readonly connections: QueueConnections;
  readonly concurrency: number;
  /** Rejects with what BullMQ makes of the job's failure. */
  readonly process: (job: Attempted) => Promise<void>;
  /** Hears of every error that concerns no single job. Must not throw. */
  readonly onTrouble: (error: unknown) => void;
  readonly metrics: QueueMetrics;
}

const READY_TIMEOUT_MS = 5_000;
const STUCK_AFTER_MS = 5_000;
const CLOSE_TIMEOUT_MS = 3_000;

/** Somebody else has the job by now, or it is gone. The lease of what it wakes decides, so nothing is done twice. */
const LOST_LOCK: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/** A worker of one queue that is replaced when it dies or takes no jobs any more. */
export class HostedWorker {
  private readonly logger = new Logger(HostedWorker.name);
  private worker: BackendWorker | null = null;
  private ended: PromiseSettledResult<void> | null = null;
  private taking = true;
  private active = 0;
  private unrenewed = 0;
  private oldest: { readonly id: string; readonly since: number } | null = null;

  constructor(private readonly options: HostedWorkerOptions) {}

  async start(): Promise<void> {
    const { queue, connections, concurrency, onTrouble } = this.options;
    const { connection, factory } = connections;
    const { lockDuration = WORKER_OPTIONS.lockDuration } = QUEUES[queue];
    const options = { connection, concurrency, autorun: false, ...WORKER_OPTIONS, lockDuration };
    const worker = new BackendWorker(queue, (job, token) => this.process(job, token), options, factory);
    worker.on('error', (error) => this.onError(error));
    worker.on('lockRenewalFailed', (ids) => {
      this.unrenewed += ids.length;
      this.onLocksLost(ids);
    });
    this.worker = worker;
    // BullMQ remembers a failed first connection for ever: such a worker would never take a job.
    await within(READY_TIMEOUT_MS, worker.waitUntilReady());
    this.ended = null;
    void Promise.allSettled([worker.run()]).then(([outcome]) => {
      if (outcome.status === 'rejected') onTrouble(outcome.reason);
      if (this.worker === worker) this.ended = outcome;
    });
  }

  /** Replaces the worker if it is dead, or has taken nothing for seconds although it could. */
  async check(queue: HostedQueue): Promise<void> {
    if (!this.taking) return;
    if (this.ended !== null) await this.replace('its loop has ended');
    else if (await this.isStuck(queue)) await this.replace('it takes none of the jobs that wait');
  }

  /** No job begins after this; those that are worked on go on. */
  async stopTaking(): Promise<void> {
    this.taking = false;
    await this.worker?.pause(true);
  }

  /** Waits a few seconds for the jobs that are worked on, then leaves them to their leases. */
  async close(): Promise<void> {
    this.taking = false;
    if (this.worker === null) return;
    const [closing] = await Promise.allSettled([within(CLOSE_TIMEOUT_MS, this.worker.close())]);
    if (closing.status === 'rejected') await Promise.allSettled([within(CLOSE_TIMEOUT_MS, this.worker.disconnect())]);
  }

  private async process(job: Job, token?: string): Promise<void> {
    if (!this.taking) {
      // BullMQ may take one more job while it pauses.
      await job.moveToWait(token);
      throw new WaitingError();
    }
    this.active += 1;
    try {
      await this.options.process(job);
    } finally {
      this.active -= 1;
    }
  }

  private onError(error: Error): void {
    const code = 'code' in error ? error.code : undefined;
    if (LOST_LOCK.has(code)) this.onLocksLost([error.message]);
    // Follows `lockRenewalFailed`, once for each of its jobs.
    else if (code === undefined && this.unrenewed > 0) this.unrenewed -= 1;
    else this.options.onTrouble(error);
  }

  private onLocksLost(jobs: readonly string[]): void {
    const { queue, metrics } = this.options;
    this.logger.warn({ queue, jobs: jobs.slice(0, 10), count: jobs.length }, 'Lost the locks of jobs');
    metrics.locksLost(queue, jobs.length);
  }

  private async isStuck(queue: HostedQueue): Promise<boolean> {
    const before = this.oldest;
    this.oldest = null;
    if (this.active >= this.options.concurrency || (await queue.isPaused())) return false;
    const job = await oldestWaiting(queue);
    if (job?.id === undefined) return false;
    this.oldest = before?.id === job.id ? before : { id: job.id, since: performance.now() };
    return performance.now() - this.oldest.since > STUCK_AFTER_MS;
  }

  private async replace(why: string): Promise<void> {
    const { queue, metrics } = this.options;
    this.logger.warn({ queue, why }, 'Replacing a worker');
    this.oldest = null;
    let succeeded = false;
    try {
      await this.worker?.close(true);
      await this.start();
      succeeded = true;
    } finally {
      metrics.workerRestarted(queue, succeeded);
    }
  }
}
