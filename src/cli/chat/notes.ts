import type { DurableEvent } from '@clarion/protocol';

/** The line that an event is worth beside the answer; null for one that is worth none. */
export function noteOf(event: DurableEvent): string | null {
  switch (event.type) {
    case 'run_queued':
      return event.data.position > 0 ? `Waiting for ${event.data.position} before this one.` : null;
    case 'agent_thinking':
      return `· ${event.data.text}`;
    case 'agent_progress':
      return `· ${Math.round(event.data.progress * 100)} % ${event.data.message}`;
    case 'tool_executing':
      return `→ ${event.data.tool} ${JSON.stringify(event.data.arguments)}`;
    case 'tool_completed':
      return completed(event.data);
    case 'agent_retrying':
      return `The attempt failed (${event.data.error.reason}); another begins.`;
    case 'agent_recovering':
      return 'The process that wrote this was lost; another has taken over.';
    case 'agent_fallback':
      return `${event.data.from} failed (${event.data.error.reason}); ${event.data.to} takes over.`;
    case 'agent_cancelled':
      return 'Cancelled.';
    default:
      return null;
  }
}

function completed({ tool, ok, summary, duration_ms, error }: DurableEvent<'tool_completed'>['data']): string {
  const code = error === undefined ? '' : `; support code ${error.support_code}`;
  return `${ok ? '←' : '×'} ${tool}: ${summary} (${duration_ms} ms${code})`;
}
