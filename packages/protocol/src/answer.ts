import type { AgentDelta, DurableEvent } from './events';
import { TERMINAL_STATUSES, type RunView } from './views';

/** What a client knows of the answer of one run. Positions are UTF-16 code units. */
export interface AnswerState {
  run_id: string;
  /** 0 before the first attempt has begun. */
  attempt: number;
  answer: string;
  ended: boolean;
  /** A delta's index lay past the answer: something was missed, `run_get` has the text. */
  missed: boolean;
}

/** What bears on an answer: durable events, and the two ephemeral ones with their name as `type`. */
export type AnswerEvent = DurableEvent | ({ type: 'agent_delta' } & AgentDelta) | ({ type: 'run_snapshot' } & RunView);

/**
 * "Building an answer" of PROTOCOL.md section 4, one event at a time. Pure: gives the next state of the event's run, or `state`
 * itself where the event changes nothing.
 */
export function applyToAnswer(state: AnswerState | undefined, event: AnswerEvent): AnswerState {
  const known = state ?? { run_id: event.run_id ?? '', attempt: 0, answer: '', ended: false, missed: false };
  switch (event.type) {
    case 'agent_completed':
    case 'agent_failed':
    case 'agent_cancelled':
      return {
        ...known,
        attempt: event.attempt ?? known.attempt,
        answer: event.data.content,
        ended: true,
        missed: false,
      };
    case 'agent_started':
      return begin(known, event.attempt);
    case 'agent_retrying':
    case 'agent_recovering':
    case 'agent_fallback':
      return begin(known, event.attempt, event.data.keep_index);
    case 'agent_delta':
      return append(known, event);
    case 'run_snapshot':
      return replace(known, event);
    default:
      return known;
  }
}

function begin(state: AnswerState, attempt: number | null, keepIndex?: number): AnswerState {
  if (state.ended) return state;
  const begun = { ...state, attempt: attempt ?? state.attempt };
  if (keepIndex === undefined) return begun;
  return { ...begun, answer: state.answer.slice(0, keepIndex), missed: keepIndex > state.answer.length };
}

function append(state: AnswerState, delta: AgentDelta): AnswerState {
  if (state.ended || delta.attempt < state.attempt) return state;
  if (delta.index > state.answer.length) return { ...state, missed: true };
  const fresh = delta.text.slice(state.answer.length - delta.index);
  return fresh === '' ? state : { ...state, answer: state.answer + fresh };
}

function replace(state: AnswerState, run: RunView): AnswerState {
  if (state.ended) return state;
  const ended = TERMINAL_STATUSES.has(run.status);
  const knowsMore =
    run.attempt > state.attempt || (run.attempt === state.attempt && run.text.length > state.answer.length);
  if (knowsMore) return { ...state, attempt: run.attempt, answer: run.text, ended, missed: false };
  return ended ? { ...state, ended } : state;
}

const ANSWER_EVENTS: ReadonlySet<string> = new Set<AnswerEvent['type']>([
  'agent_started',
  'agent_retrying',
  'agent_recovering',
  'agent_fallback',
  'agent_completed',
  'agent_failed',
  'agent_cancelled',
  'agent_delta',
  'run_snapshot',
]);

/** Keeps the answer of every run that it is told of. Feed it each server event by name and payload, in the order of arrival. */
export class AnswerAssembler {
  private readonly states = new Map<string, AnswerState>();

  /** The new state of the run that the event bears on; undefined for an event that bears on no answer. */
  accept(eventName: string, payload: unknown): AnswerState | undefined {
    if (!ANSWER_EVENTS.has(eventName)) return undefined;
    const event = { ...(payload as object), type: eventName } as AnswerEvent;
    if (event.run_id === null) return undefined;
    const next = applyToAnswer(this.states.get(event.run_id), event);
    this.states.set(event.run_id, next);
    return next;
  }

  get(runId: string): AnswerState | undefined {
    return this.states.get(runId);
  }

  /** Drops what is kept of a run, for a client that shows it no more. */
  forget(runId: string): void {
    this.states.delete(runId);
  }
}
