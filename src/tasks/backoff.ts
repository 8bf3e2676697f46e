const FIRST_MS = 1_000;
const LONGEST_MS = 120_000;
const JITTER = 0.3;

/** The longest wait after so many failures: 1 s, doubled each time, up to 120 s. */
export function longestBackoffMs(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30));
}

/** The wait after so many failures, shortened at random by up to 30 %, but never below 1 s. */
export function backoffMs(failures: number, random = Math.random()): number {
  return Math.max(FIRST_MS, Math.round(longestBackoffMs(failures) * (1 - JITTER * random)));
}
