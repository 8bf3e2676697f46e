import type { AgentDelta, DurableEvent, EphemeralEventMap } from '@clarion/protocol';

/** What a user's live channel carries. Events are a wake-up as much as a delivery: the log is the truth. */
export type UserSignal =
  | { readonly kind: 'events'; readonly events: readonly DurableEvent[] }
  | { readonly kind: 'delta'; readonly delta: AgentDelta }
  | { readonly kind: 'position'; readonly position: EphemeralEventMap['queue_position'] }
  /** Signals may have been lost: what a listener has is to be compared with the log. */
  | { readonly kind: 'doubt' }
  /** Nothing is left of the user: whoever serves them stops. */
  | { readonly kind: 'erased' };

export type UserSignalListener = (signal: UserSignal) => void;

export interface UserSubscription {
  /** Resolves when what is published anywhere reaches the listener, or cannot for now: then a `doubt` follows. Takes a moment at most. */
  readonly ready: Promise<void>;
  end(): void;
}

/** The live channel of every user, between whoever writes and the sockets. Signals may be lost, never reordered within one writer. */
export abstract class UserBus {
  /** Never throws; a failing listener harms neither the writer nor another listener. */
  abstract publish(userId: string, signal: UserSignal): void;
  abstract subscribe(userId: string, listener: UserSignalListener): UserSubscription;
  /**
   * Resolves when a signal has left this process and come back; at once where none leaves it, or what carries them is known to be away.
   * @throws ComponentError REDIS_TIMEOUT, or what Redis says
   */
  abstract echo(): Promise<void>;
}
