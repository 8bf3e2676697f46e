/** Retries that are allowed whatever happens, and regained in this time: a quiet process may retry too. */
const RESERVE = 20;
const RESERVE_REGAINED_MS = 60_000;
/** What busy times may save up. */
const MOST = 200;

/**
 * A token bucket that keeps an outage from being multiplied: every run that begins pays in a share of a retry, every retry takes a whole one.
 */
export class RetryBudget {
  private tokens = RESERVE;
  private countedAt: number;

  /**
   * @param percent retries per hundred runs
   * @param now the monotonic clock, in milliseconds
   */
  constructor(
    private readonly percent: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.countedAt = now();
  }

  runBegan(): void {
    this.tokens = Math.min(MOST, this.tokens + this.percent / 100);
  }

  /** Takes a retry from the budget; false when there is none left. */
  spend(): boolean {
    this.regain();
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  private regain(): void {
    const elapsed = this.now() - this.countedAt;
    this.countedAt += elapsed;
    if (this.percent === 0) this.tokens = 0;
    else if (this.tokens < RESERVE)
      this.tokens = Math.min(RESERVE, this.tokens + (elapsed * RESERVE) / RESERVE_REGAINED_MS);
  }
}
