const MINUTE_MS = 60_000;
const MOST_USERS = 100_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket per key: `perMinute` at once, refilled evenly. */
export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** 0 when the key may act now, else the milliseconds until it may. */
  take(key: string): number {
    const now = this.now();
    const bucket = this.buckets.get(key) ?? { tokens: this.perMinute, at: now };
    const tokens = Math.min(this.perMinute, bucket.tokens + ((now - bucket.at) * this.perMinute) / MINUTE_MS);
    const allowed = tokens >= 1;
    // Written again at the end, so that the first keys of the map are those idle the longest.
    this.buckets.delete(key);
    this.buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    this.forgetIdle(now);
    return allowed ? 0 : Math.ceil(((1 - tokens) * MINUTE_MS) / this.perMinute);
  }

  private forgetIdle(now: number): void {
    for (const [key, { at }] of this.buckets) {
      if (now - at < MINUTE_MS && this.buckets.size <= MOST_USERS) return;
      this.buckets.delete(key);
    }
  }
}
