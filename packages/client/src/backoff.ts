export interface Bounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before trying again: twice as long each time within the bounds, spread by half so that clients do not come back
 * together, and never sooner than the server asked.
 * @param failures how often it has failed in a row, 1 after the first time
 * @param askedMs the server's `retry_after_ms` or `reconnect_after_ms`
 * @param random from 0 up to 1
 */
export function backoffMs(failures: number, askedMs: number | null, { minMs, maxMs }: Bounds, random: number): number {
  const grown = Math.min(maxMs, minMs * 2 ** Math.max(0, failures - 1));
  const own = grown * (0.5 + random / 2);
  return Math.round(askedMs === null ? own : Math.max(own, askedMs * (1 + random / 4)));
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
