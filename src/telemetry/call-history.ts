/** A failure longer ago than this says nothing about how things are now. */
const CLEAN_MS = 5_000;
const WINDOW_MS = 30_000;
const SLOT_MS = 1_000;
const FEW = 3;
/** Of all calls; fewer than that are somebody's bad luck. */
const MANY = 0.2;

interface Slot {
  readonly at: number;
  calls: number;
  failures: number;
  /** Failures that came after a success. */
  relapses: number;
}

/** Why a peer that may answer a look at it cannot be relied on. */
export interface Unreliable<Cause> {
  readonly calls: number;
  readonly failures: number;
  /** Whether the last calls failed, one after the other; else some succeed. */
  readonly failing: boolean;
  readonly cause: Cause;
}

/**
 * How the calls to one peer went in the last seconds: those of users, which a look at the peer now and then knows nothing of. Not to be relied on is
 * one that fails call after call, or again and again with successes in between, until nothing has failed for five seconds.
 */
export class CallHistory<Cause> {
  private slots: Slot[] = [];
  private last: { readonly at: number; readonly cause: Cause } | null = null;
  /** Failures since the last success. */
  private streak = 0;

  succeeded(): void {
    this.slot().calls += 1;
    this.streak = 0;
  }

  failed(cause: Cause): void {
    const slot = this.slot();
    slot.calls += 1;
    slot.failures += 1;
    if (this.streak === 0) slot.relapses += 1;
    this.streak += 1;
    this.last = { at: performance.now(), cause };
  }

  /** Null while the peer can be relied on, for all that is known. */
  get trouble(): Unreliable<Cause> | null {
    const now = performance.now();
    if (this.last === null || now - this.last.at >= CLEAN_MS) return null;
    const recent = this.slots.filter(({ at }) => now - at < WINDOW_MS);
    const sum = (of: 'calls' | 'failures' | 'relapses') => recent.reduce((total, slot) => total + slot[of], 0);
    const [calls, failures] = [sum('calls'), sum('failures')];
    const failing = this.streak >= FEW;
    const unsteady = sum('relapses') >= FEW && failures >= calls * MANY;
    return failing || unsteady ? { calls, failures, failing, cause: this.last.cause } : null;
  }

  private slot(): Slot {
    const now = performance.now();
    const open = this.slots.at(-1);
    if (open !== undefined && now - open.at < SLOT_MS) return open;
    const next = { at: now, calls: 0, failures: 0, relapses: 0 };
    this.slots = [...this.slots.filter(({ at }) => now - at < WINDOW_MS), next];
    return next;
  }
}

/** In words for the report. */
export function describeUnreliable({ calls, failures }: Unreliable<unknown>): string {
  return `${failures} of the last ${calls} calls failed`;
}
