import type { DurableEvent, DurableEventType, EphemeralEventMap, ErrorBody, UserNotification } from '@clarion/protocol';
import type { ConnectionState } from './options';

/** Event name -> payload of what happens in the client itself. */
export interface LocalEventMap {
  /** Every durable event, whatever its type, in order and once. */
  event: DurableEvent;
  /** The connection changed. */
  state: ConnectionState;
  /** A failure to show to the user; the same as `onProblem`. */
  problem: { notification: UserNotification; error: ErrorBody };
}

/** Event name -> payload of all that `client.on` gives. */
export type ClientEventMap = { [T in DurableEventType]: DurableEvent<T> } & EphemeralEventMap & LocalEventMap;

type Listener = (payload: never) => void;

/** Who listens to what. A listener that throws stops no other: its error surfaces as an uncaught one. */
export class Listeners {
  private readonly byName = new Map<string, Set<Listener>>();

  /** @returns what ends the listening */
  on<N extends keyof ClientEventMap>(name: N, listener: (payload: ClientEventMap[N]) => void): () => void {
    const set = this.byName.get(name) ?? new Set();
    this.byName.set(name, set);
    // Each registration counts, also of a function that listens already.
    const own: Listener = (payload) => listener(payload);
    set.add(own);
    return () => void set.delete(own);
  }

  emit<N extends keyof ClientEventMap>(name: N, payload: ClientEventMap[N]): void {
    for (const listener of [...(this.byName.get(name) ?? [])])
      callSafely(listener as (value: unknown) => void, payload);
  }
}

/** Calls what the application gave us; what it throws is the application's and surfaces as an uncaught error. */
export function callSafely<T>(callback: (value: T) => void, value: T): void {
  try {
    callback(value);
  } catch (error) {
    reportUncaught(error);
  }
}

function reportUncaught(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
