const JITTER = 0.2;

/**
 * How long to wait after `round` earlier waits: twice as long each time up to `maxMs`, a fifth more or less at random.
 * @param random from 0 to 1
 */
export function backoff(baseMs: number, maxMs: number, round: number, random = Math.random()): number {
  const wait = Math.min(maxMs, baseMs * 2 ** Math.min(round, 30));
  return Math.round(wait * (1 + JITTER * (2 * random - 1)));
}
