import { setTimeout as delay } from 'node:timers/promises';
import { classify } from '../errors';
import { RunStop } from './active-runs';

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1_000;

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted, even if `work` is deaf to it. */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Repeats `work` while it fails for want of the database. @throws what else it fails with, or the signal's reason */
export async function untilDatabaseTakes<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_DELAY_MS; ; pause = Math.min(pause * 2, LONGEST_DELAY_MS)) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
    }
    await pauseOrAbort(pause, signal);
  }
}

async function pauseOrAbort(pause: number, signal: AbortSignal | undefined): Promise<void> {
  const waited = await Promise.allSettled([delay(pause, undefined, { signal })]);
  if (waited[0].status === 'rejected') signal?.throwIfAborted();
}

function isDatabaseAway(error: unknown): boolean {
  if (error instanceof RunStop) return false;
  const { definition } = classify(error);
  return definition.code === 1005 && definition.retryable;
}
