import { setImmediate as turn } from 'node:timers/promises';

const LONGEST_MS = 10;

let since = 0;
let next: Promise<void> | null = null;

/**
 * What whoever keeps the event loop busy has to wait for before going on, at least every 10 ms, whichever runs do: agents that never wait for
 * anything resolve promises for ever, and no heartbeat, timeout or cancel would get through. Null: nothing.
 */
export function turnDue(): Promise<void> | null {
  if (next === null && performance.now() - since > LONGEST_MS) {
    next = turn().then(() => {
      since = performance.now();
      next = null;
    });
  }
  return next;
}
