import type { Reason } from './catalogue';
import type { FailureRecord } from './failure-record';

const WINDOW_MS = 60_000;

/** The occurrences of one window beyond the limit, which share one record. */
export interface Aggregate {
  readonly reason: Reason;
  /** Who caused it; null: many sources together. */
  readonly source: string | null;
  readonly startedAt: number;
  count: number;
  lastAt: number;
  /** The record that stands for them all, and when it is durable; set by whoever opened the aggregate. */
  record?: Promise<FailureRecord>;
}

interface Window {
  readonly startedAt: number;
  seen: number;
  aggregate?: Aggregate;
}

interface AggregationLimits {
  /** Full records for one reason and source in a window. */
  readonly perSource: number;
  /** Full records for one reason in a window, from all sources together. */
  readonly perReason: number;
  /** Sources that are remembered; the one unheard of for longest is forgotten first. */
  readonly sources: number;
}

/** Decides which of the failures that clients cause in masses get a record of their own. Knows time only by what it is told. */
export class FailureAggregator {
  private readonly windows = new Map<string, Window>();
  private ended: Aggregate[] = [];

  constructor(private readonly limits: AggregationLimits = { perSource: 20, perReason: 600, sources: 10_000 }) {}

  /** Counts one occurrence. @returns the aggregate that it belongs to, or undefined when it gets a record of its own */
  admit(reason: Reason, source: string, now: number): Aggregate | undefined {
    const { perSource, perReason } = this.limits;
    return this.count(reason, source, perSource, now) ?? this.count(reason, null, perReason, now);
  }

  /** The aggregates whose window is over by `now`; each is given out once. */
  expire(now: number): Aggregate[] {
    for (const [key, window] of this.windows) {
      if (now - window.startedAt >= WINDOW_MS) this.forget(key, window);
    }
    const ended = this.ended;
    this.ended = [];
    return ended;
  }

  private count(reason: Reason, source: string | null, limit: number, now: number): Aggregate | undefined {
    const key = `${reason} ${source ?? ''}`;
    const window = this.windowOf(key, now);
    window.seen += 1;
    if (window.seen <= limit) return undefined;
    window.aggregate ??= { reason, source, startedAt: window.startedAt, count: 0, lastAt: now };
    window.aggregate.count += 1;
    window.aggregate.lastAt = now;
    return window.aggregate;
  }

  private windowOf(key: string, now: number): Window {
    let window = this.windows.get(key);
    if (window !== undefined && now - window.startedAt >= WINDOW_MS) {
      this.forget(key, window);
      window = undefined;
    }
    window ??= { startedAt: now, seen: 0 };
    this.windows.delete(key);
    this.windows.set(key, window);
    for (const [oldest, forgotten] of this.windows) {
      if (this.windows.size <= this.limits.sources) break;
      this.forget(oldest, forgotten);
    }
    return window;
  }

  private forget(key: string, { aggregate }: Window): void {
    this.windows.delete(key);
    if (aggregate !== undefined) this.ended.push(aggregate);
  }
}
