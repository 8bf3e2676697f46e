import { setTimeout as delay } from 'node:timers/promises';
import { type BackendFactory, type IQueueBackend, type Job, type JobProgress, Queue, Worker } from 'bullmq';

const FETCH_AGAIN_MS = 200;
const CHECK_AGAIN_MS = 500;

/** What all queues and workers of this process share, and what makes BullMQ work on it. */
export interface QueueConnections {
  /** A `Pool` of pg, or a connection of ioredis: what `factory` takes. */
  readonly connection: object;
  readonly factory: BackendFactory<IQueueBackend, object>;
  end(): Promise<void>;
}

/** Up to this many jobs are added each on its own: for a bulk BullMQ makes temporary tables in PostgreSQL, which takes longer. */
const FEW = 8;

/** A queue on either backend. */
export class HostedQueue extends Queue<unknown, void, string, unknown, void, string, IQueueBackend, object> {
  override addBulk(jobs: Parameters<Queue<unknown, void, string>['addBulk']>[0]): Promise<Job<unknown, void>[]> {
    if (jobs.length > FEW) return super.addBulk(jobs);
    return Promise.all(jobs.map(({ name, data, opts }) => this.add(name, data, opts)));
  }
}

/** BullMQ's worker, on either backend, with other pauses after a failure. */
export class BackendWorker extends Worker<unknown, void, string, IQueueBackend, JobProgress, object> {
  /** BullMQ asks again at once after a failure that is no refused connection, thousands of times a second. */
  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await delay(FETCH_AGAIN_MS);
      throw error;
    }
  }

  /** BullMQ pauses for 5 s where it does not say how long, in which nobody looks for the jobs that wait. */
  override delay(ms = CHECK_AGAIN_MS, abort?: Parameters<Worker['delay']>[1]): Promise<void> {
    return super.delay(ms, abort);
  }

  /** The same. */
  protected override checkConnectionError<T>(work: () => Promise<T>, delayMs = CHECK_AGAIN_MS): Promise<T | undefined> {
    return super.checkConnectionError(work, delayMs);
  }
}
