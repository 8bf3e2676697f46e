import { setTimeout as delay } from 'node:timers/promises';
import { classify, type Reason } from '../errors';
import type { Database } from '../persistence';

const LOOK_AGAIN_MS = 200;
const AWAY: ReadonlySet<Reason> = new Set<Reason>([
  'DATABASE_UNAVAILABLE',
  'DATABASE_CREDENTIALS',
  'DATABASE_DISK_FULL',
]);

/**
 * Does the work of a job; when it meets an outage of the database, waits that out and does it again: a job that failed would come again
 * seconds after the return, the later the longer the outage was.
 * @param stopping aborted when jobs may not wait any more
 * @throws what the work throws; of an outage only after `stopping`
 */
export async function waitOut<T>(database: Database, stopping: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (stopping.aborted || !AWAY.has(classify(error).reason)) throw error;
    }
    do await Promise.allSettled([delay(LOOK_AGAIN_MS, undefined, { signal: stopping })]);
    while (!database.ready && !stopping.aborted);
  }
}
