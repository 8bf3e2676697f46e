const WARNING_MS = 60_000;

interface LifetimeLimits {
  /** How long a token is accepted beyond its end, for clocks that differ. */
  readonly leewayMs: number;
  /** How long a connection may stay beyond the end of its token while the auth service is down. */
  readonly graceMs: number;
}

/** How long a connection may live by its token. Moments are milliseconds since the epoch. */
export class SessionLifetime {
  private warned = false;

  constructor(
    private endsAt: number,
    private readonly limits: LifetimeLimits,
  ) {}

  /** A new token moves the clock. */
  renew(endsAt: number): void {
    this.endsAt = endsAt;
    this.warned = false;
  }

  /** What has come due: a warning once per token, a minute before its end; then the end. */
  due(now: number, outage: boolean): 'nothing' | 'warning' | 'end' {
    const { leewayMs, graceMs } = this.limits;
    if (now >= this.endsAt + (outage ? Math.max(leewayMs, graceMs) : leewayMs)) return 'end';
    if (this.warned || now < this.endsAt - WARNING_MS) return 'nothing';
    this.warned = true;
    return 'warning';
  }
}
