import { setTimeout as delay } from 'node:timers/promises';
import { classify, type Reason } from '../errors';
import { RunStop } from './active-runs';

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1_000;

/** What waiting mends, and others report. A schema or privilege that is wrong stays wrong: whoever waits for it waits unheard. */
const WAITED_FOR: ReadonlySet<Reason> = new Set<Reason>([
  'DATABASE_UNAVAILABLE',
  'DATABASE_CREDENTIALS',
  'DATABASE_TIMEOUT',
  'DATABASE_CAPACITY',
  'DATABASE_DISK_FULL',
  'DATABASE_CONFLICT',
  'DATABASE_READ_ONLY',
]);

/** A privilege that is lacking has the reason of a login that is refused. */
const LACKING_PRIVILEGE = '42501';

/**
 * Waits for one thing after another under one signal. It has one listener for all of them: an agent that streams is waited for at every word,
 * and a listener for each would cost more than the word.
 */
export class AbortableWait {
  private reject: (reason: unknown) => void = () => undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted, even if `work` is deaf to it. */
  until<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.signal.throwIfAborted();
      this.reject = reject;
      work().then(resolve, reject);
    });
  }

  end(): void {
    this.signal.removeEventListener('abort', this.onAbort);
  }

  private readonly onAbort = (): void => this.reject(this.signal.reason);
}

/** `AbortableWait` for one thing. */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const waiting = new AbortableWait(signal);
  try {
    return await waiting.until(work);
  } finally {
    waiting.end();
  }
}

/**
 * Repeats `work` while it fails for want of the database; at least once, also when the signal is aborted already.
 * @throws what else it fails with, or the signal's reason
 */
export async function untilDatabaseTakes<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_DELAY_MS; ; pause = Math.min(pause * 2, LONGEST_DELAY_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
    }
    await pauseOrAbort(pause, signal);
  }
}

async function pauseOrAbort(pause: number, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([delay(pause, undefined, { signal })]);
  signal.throwIfAborted();
}

function isDatabaseAway(error: unknown): boolean {
  const { reason, details } = classify(error);
  return !(error instanceof RunStop) && WAITED_FOR.has(reason) && details['sqlstate'] !== LACKING_PRIVILEGE;
}
