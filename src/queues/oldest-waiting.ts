import type { Job } from 'bullmq';
import type { HostedQueue } from './bull';

/** So many may be taken between the two questions. */
const MARGIN = 10;

/**
 * The job that has waited longest; undefined where none waits. It is the last one from the newest on: asked for the other order, BullMQ reverses what
 * is in a range and, on PostgreSQL, still counts the range from the newest.
 */
export async function oldestWaiting(queue: HostedQueue): Promise<Job | undefined> {
  const waiting = await queue.getWaitingCount();
  const jobs = await queue.getJobs(['waiting'], Math.max(0, waiting - MARGIN), -1);
  return jobs.at(-1);
}
