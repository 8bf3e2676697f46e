import { CRITICAL_EVENTS, type DurableEvent, type DurableEventDataMap, type DurableEventType } from '@clarion/protocol';
import { drillWords } from '../support/chat-client';

export const USER = 'alice';
export const EPOCH = 'a1b2c3d4';
export const TOKENS = 5;
export const CONTENT = JSON.stringify({ tokens: TOKENS });
export const ids = (last: number) => `01a1ffaf-8aab-72a4-bd41-0000000000${String(last).padStart(2, '0')}`;
export const [MESSAGE, THREAD, RUN] = [ids(1), ids(2), ids(3)] as const;

export function event<T extends DurableEventType>(
  seq: number,
  type: T,
  data: DurableEventDataMap[T],
  more: Partial<DurableEvent> = {},
): DurableEvent {
  const place = { id: `${EPOCH}:${seq}`, epoch: EPOCH, seq, timestamp: '2026-11-21T17:30:00.000Z', user_id: USER };
  const run = {
    thread_id: THREAD,
    run_id: RUN,
    attempt: null,
    path: null,
    critical: CRITICAL_EVENTS.has(type),
    recovered: false,
  };
  return { type, ...place, ...run, data, ...more } as DurableEvent;
}

/** A message and its run, from its acceptance to its end. */
export function log(): DurableEvent[] {
  const created = { message_id: MESSAGE, role: 'user' as const, content: CONTENT, client_message_id: 'm1' };
  const completed = { message_id: ids(4), content: drillWords(TOKENS), usage: null, duration_ms: 5 };
  return [
    event(1, 'message_created', created),
    event(2, 'run_queued', { agent: 'drill', position: 0 }),
    event(3, 'agent_started', { agent: 'drill', max_attempts: 3 }, { attempt: 1 }),
    event(4, 'agent_completed', completed, { attempt: 1 }),
  ];
}

/** The same after its thread was deleted. */
export const erasedLog = (): DurableEvent[] =>
  log().map((one) => ('content' in one.data ? ({ ...one, data: { ...one.data, content: '' } } as DurableEvent) : one));
