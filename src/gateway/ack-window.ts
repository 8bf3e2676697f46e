/** Events sent within this part of the window count as one, so that a client that never acknowledges costs a bounded amount of memory. */
const GRAIN = 1 / 20;

interface Sent {
  readonly since: number;
  at: number;
  seq: number;
}

/** Watches that what was sent is acknowledged within a time. */
export class AckWindow {
  private open: Sent[] = [];
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** @param expire called once, with the `seq` of an event that was left unacknowledged for `windowMs`, or at most a twentieth longer */
  constructor(
    private readonly windowMs: number,
    private readonly expire: (seq: number) => void,
  ) {}

  sent(seq: number): void {
    const now = performance.now();
    const last = this.open.at(-1);
    if (last !== undefined && now - last.since < this.windowMs * GRAIN) Object.assign(last, { at: now, seq });
    else this.open.push({ since: now, at: now, seq });
    this.arm();
  }

  /** Cumulative: all up to `seq`. */
  acknowledge(seq: number): void {
    this.open = this.open.filter((entry) => entry.seq > seq);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private arm(): void {
    const [oldest] = this.open;
    if (this.closed || this.timer !== undefined || oldest === undefined) return;
    this.timer = setTimeout(() => this.look(), Math.max(1, oldest.at + this.windowMs - performance.now()));
  }

  private look(): void {
    this.timer = undefined;
    const [oldest] = this.open;
    if (oldest === undefined || performance.now() - oldest.at < this.windowMs) return this.arm();
    this.close();
    this.expire(oldest.seq);
  }
}
