import { setTimeout as delay } from 'node:timers/promises';
import type { User } from './user';

const ORDER = JSON.stringify({ tokens: 3, per_second: 0 });
const HEAL_LIMIT_MS = 30_000;
const TRY_LIMIT_MS = 1_500;
const PAUSE_MS = 50;

/** How long after a fault was mended everything worked again, from the mending on, in milliseconds; null: not in time. */
export interface Healing {
  readonly accepts: number | null;
  readonly completes: number | null;
}

/** Sends until a message is accepted and its run has completed. */
export async function measureHealing(canary: User): Promise<Healing> {
  const mended = performance.now();
  const deadline = mended + HEAL_LIMIT_MS;
  let accepts: number | null = null;
  while (performance.now() < deadline) {
    const outcome = await canary.send(canary.newMessage(ORDER), canary.phone, TRY_LIMIT_MS);
    if (outcome.kind === 'ok') {
      accepts ??= performance.now() - mended;
      const { run_id } = outcome.answer;
      const ended = (): boolean => canary.phone.view.terminalOf(run_id)?.type === 'agent_completed';
      if (await canary.phone.until(ended, deadline - performance.now()))
        return { accepts, completes: performance.now() - mended };
    } else {
      await delay(PAUSE_MS);
    }
  }
  return { accepts, completes: null };
}
