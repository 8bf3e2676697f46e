import { setImmediate as turn } from 'node:timers/promises';

const LONGEST_MS = 10;

let since = 0;
let next: Promise<void> | null = null;

/**
 * Lets the event loop turn at least every 10 ms, whichever runs keep it busy: agents that never wait for anything resolve promises for ever,
 * and no heartbeat, timeout or cancel would get through.
 */
export async function giveTurn(): Promise<void> {
  if (next === null && performance.now() - since > LONGEST_MS) {
    next = turn().then(() => {
      since = performance.now();
      next = null;
    });
  }
  if (next !== null) await next;
}
