import type { DurableEvent, RunView } from '@clarion/protocol';
import type { RunOutcome } from './options';

/** How a durable event ends its run; null where it ends none. */
export function outcomeOfEvent(event: DurableEvent): RunOutcome | null {
  if (event.run_id === null) return null;
  const base = { runId: event.run_id, error: null, usage: null };
  switch (event.type) {
    case 'agent_completed':
      return { ...base, status: 'completed', content: event.data.content, usage: event.data.usage };
    case 'agent_failed':
      return { ...base, status: 'failed', content: event.data.content, error: event.data.error };
    case 'agent_cancelled':
      return { ...base, status: 'cancelled', content: event.data.content };
    default:
      return null;
  }
}

/** How a run has ended by what `run_get` says of it; null while it goes on. */
export function outcomeOfView({ run_id, status, text, error }: RunView): RunOutcome | null {
  switch (status) {
    case 'completed':
    case 'failed':
    case 'cancelled':
      return { runId: run_id, status, content: text, error, usage: null };
    default:
      return null;
  }
}
