import type { DurableEventDataMap, DurableEventType } from '@clarion/protocol';
import type { NewEvent } from './new-event';

/** What takes the place of content when it is erased: the log keeps every event, and each still follows its schema. */
export const ERASED_DATA: { readonly [T in DurableEventType]?: Partial<DurableEventDataMap[T]> } = {
  message_created: { content: '' },
  agent_thinking: { text: '' },
  agent_progress: { message: '' },
  tool_executing: { arguments: {} },
  tool_completed: { summary: '' },
  input_required: { prompt: '', schema: {} },
  agent_completed: { content: '' },
  agent_failed: { content: '' },
  agent_cancelled: { content: '' },
};

/** The event without what a user or an agent has written. */
export function withoutContent(event: NewEvent): NewEvent {
  return { ...event, data: { ...event.data, ...ERASED_DATA[event.type] } };
}
