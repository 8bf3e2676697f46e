import type { ErrorBody } from '@clarion/protocol';
import { backoffMs, type Bounds } from './backoff';
import type { LinkEnd } from './link';

/** A connection that lived this long counts as a success; one that dies sooner must not bring a client back without pause. */
const STEADY_MS = 5_000;
/** Close codes from here on say that a new connection cannot help (PROTOCOL.md section 6). */
const HOPELESS_CLOSE_CODE = 4500;
const EXPIRED = 'AUTH_TOKEN_EXPIRED';

/** What follows the end of a connection. */
export type NextStep =
  | { readonly kind: 'stop'; readonly error: ErrorBody }
  | {
      readonly kind: 'again';
      readonly delayMs: number;
      readonly error: ErrorBody | null;
      readonly refreshToken: boolean;
    };

/** Why there is no connection: as the link says, or there was no token to make one with. */
export type AttemptEnd = LinkEnd | { readonly kind: 'no_token'; readonly error: ErrorBody };

/** Decides whether, when and with what token to connect again. */
export class ReconnectPolicy {
  private failures = 0;
  private expiries = 0;

  constructor(
    private readonly bounds: Bounds,
    private readonly random: () => number = Math.random,
  ) {}

  /** The client has caught up: its token is good. */
  succeeded(): void {
    this.expiries = 0;
  }

  after(end: AttemptEnd): NextStep {
    const error = errorOf(end);
    if (end.kind === 'lost' && end.livedMs >= STEADY_MS) this.failures = 0;
    this.failures += 1;
    const refreshToken = error?.reason === EXPIRED;
    // A fresh token that has expired as well will not get better by asking for a third.
    if (refreshToken && ++this.expiries > 1) return this.stop(error);
    if (error !== null && !refreshToken && isHopeless(end, error)) return this.stop(error);
    const askedMs = end.kind === 'lost' ? end.askedMs : (error?.retry_after_ms ?? null);
    return {
      kind: 'again',
      delayMs: backoffMs(this.failures, askedMs, this.bounds, this.random()),
      error,
      refreshToken,
    };
  }

  /** Whoever connects again after this begins anew. */
  private stop(error: ErrorBody): NextStep {
    this.failures = 0;
    this.expiries = 0;
    return { kind: 'stop', error };
  }
}

function errorOf(end: AttemptEnd): ErrorBody | null {
  return end.kind === 'unreachable' ? null : end.error;
}

function isHopeless(end: AttemptEnd, error: ErrorBody): boolean {
  if (end.kind === 'refused') return !error.retryable;
  return end.kind === 'lost' && end.byServer && error.close_code >= HOPELESS_CLOSE_CODE;
}
