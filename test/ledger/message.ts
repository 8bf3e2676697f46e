import type { Overlap } from '@clarion/protocol';
import { drillWords } from '../support/chat-client';
import type { Outcome } from './device';
import { MOST_TOKENS } from './view';
import type { Random } from './random';

/** A message that a user has tried to send, perhaps several times. */
export interface Message {
  readonly id: string;
  readonly content: string;
  readonly thread_id?: string;
  readonly overlap?: Overlap;
  /** In the order in which they were known. */
  readonly outcomes: Outcome<'chat_message'>[];
}

/** What `drill` is asked for. */
export interface DrillOrder {
  tokens: number;
  per_second: number;
  think?: number;
  tools?: number;
  fail?: { kind: 'throw'; at_token: number };
}

/** What the first acceptance of a message said; undefined while none is known. */
export function acceptanceOf({ outcomes }: Message) {
  return outcomes.flatMap((outcome) => (outcome.kind === 'ok' ? [outcome.answer] : []))[0];
}

/** All that `drill` writes when it is let to its end. */
export function answerTo(content: string): string {
  return drillWords((JSON.parse(content) as DrillOrder).tokens);
}

export function isAskedToFail(content: string): boolean {
  return (JSON.parse(content) as DrillOrder).fail !== undefined;
}

export function randomOrder(random: Random): DrillOrder {
  const tokens = random.chance(0.7) ? random.int(5, 60) : random.int(61, MOST_TOKENS);
  const order: DrillOrder = { tokens, per_second: random.pick([0, 30, 60, 100, 200]) ?? 0 };
  if (random.chance(0.25)) order.think = random.int(1, 4);
  if (random.chance(0.2)) order.tools = random.int(1, 3);
  if (random.chance(0.07)) order.fail = { kind: 'throw', at_token: random.int(0, tokens) };
  return order;
}
