import type { SendFailure } from '../outbound';

const LONGEST_MS = 60_000;

/** Milliseconds until the attempt after this one: what the provider asks for, at least `firstMs` doubled with each attempt, with jitter. */
export function pauseAfter({ retryAfterMs }: SendFailure, attempt: number, firstMs: number): number {
  const backoff = firstMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.min(LONGEST_MS, Math.max(backoff, retryAfterMs ?? 0));
}
