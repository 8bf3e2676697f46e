import type { ErrorBody, ErrorEnvelope, UserNotification } from './errors';
import type { ComponentName, ComponentStatus, ConnectionLimits, PendingInput, ResumeMode, RunView } from './views';

/** The tokens that a run used, as the provider counted them. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  /** In the currency of the configured prices; only where they are. */
  cost?: number;
}

/** Durable event type -> its `data` (PROTOCOL.md section 3). `keep_index` counts UTF-16 code units of the answer. */
export interface DurableEventDataMap {
  message_created: { message_id: string; role: 'user'; content: string; client_message_id: string };
  run_queued: { agent: string; position: number };
  agent_started: { agent: string; max_attempts: number };
  agent_thinking: { text: string; step: number };
  /** `progress` is 0-1. */
  agent_progress: { progress: number; message: string };
  tool_executing: { tool_call_id: string; tool: string; arguments: unknown };
  tool_completed: {
    tool_call_id: string;
    tool: string;
    ok: boolean;
    summary: string;
    duration_ms: number;
    error?: ErrorBody;
  };
  input_required: PendingInput;
  input_resolved: { input_id: string; outcome: 'submitted' | 'expired' | 'cancelled' };
  agent_retrying: { agent: string; max_attempts: number; delay_ms: number; keep_index: number; error: ErrorBody };
  agent_recovering: { agent: string; keep_index: number; error: ErrorBody };
  agent_fallback: { from: string; to: string; keep_index: number; error: ErrorBody };
  /** `usage` is null where no model was asked. */
  agent_completed: { message_id: string; content: string; usage: Usage | null; duration_ms: number };
  agent_failed: { error: ErrorBody; content: string };
  /** `by` names who or what cancelled: `user`, `interrupt`, ... */
  agent_cancelled: { by: string; content: string };
  notification: { user_notification: UserNotification; error: ErrorBody };
}

export type DurableEventType = keyof DurableEventDataMap;

interface DurableEventOf<T extends DurableEventType> {
  type: T;
  /** `"<epoch>:<seq>"`: the cursor of a client that has processed this event. */
  id: string;
  epoch: string;
  seq: number;
  timestamp: string;
  user_id: string;
  thread_id: string | null;
  run_id: string | null;
  attempt: number | null;
  /** The sub-agent that speaks, or null. */
  path: string | null;
  critical: boolean;
  /** True where the event is replayed after connecting. */
  recovered: boolean;
  data: DurableEventDataMap[T];
}

/** An event of the mailbox as it is sent; without an argument, the union that `type` discriminates. */
export type DurableEvent<T extends DurableEventType = DurableEventType> = { [K in T]: DurableEventOf<K> }[T];

export const CRITICAL_EVENTS: ReadonlySet<DurableEventType> = new Set<DurableEventType>([
  'agent_started',
  'agent_thinking',
  'tool_executing',
  'tool_completed',
  'agent_completed',
  'agent_failed',
  'agent_cancelled',
  'agent_recovering',
  'input_required',
  'notification',
]);

/** The events that end a run; every accepted run gets exactly one. */
export const TERMINAL_EVENTS: ReadonlySet<DurableEventType> = new Set<DurableEventType>([
  'agent_completed',
  'agent_failed',
  'agent_cancelled',
]);

/** The events that begin an attempt and carry its number. */
export const ATTEMPT_EVENTS: ReadonlySet<DurableEventType> = new Set<DurableEventType>([
  'agent_started',
  'agent_retrying',
  'agent_recovering',
  'agent_fallback',
]);

const DURABLE_EVENTS: Record<DurableEventType, true> = {
  message_created: true,
  run_queued: true,
  agent_started: true,
  agent_thinking: true,
  agent_progress: true,
  tool_executing: true,
  tool_completed: true,
  input_required: true,
  input_resolved: true,
  agent_retrying: true,
  agent_recovering: true,
  agent_fallback: true,
  agent_completed: true,
  agent_failed: true,
  agent_cancelled: true,
  notification: true,
};

export const DURABLE_EVENT_TYPES = Object.keys(DURABLE_EVENTS) as readonly DurableEventType[];

/** A piece of an answer: `text` begins at `index` of it, in UTF-16 code units. */
export interface AgentDelta {
  run_id: string;
  attempt: number;
  path: string | null;
  index: number;
  text: string;
}

export interface ConnectionEstablished {
  protocol: 1;
  connection_id: string;
  user_id: string;
  device_id: string;
  epoch: string;
  head_seq: number;
  from_seq: number;
  resume: ResumeMode;
  server_time: string;
  limits: ConnectionLimits;
  health: ComponentStatus;
  degraded_components: ComponentName[];
}

/** Event name -> payload of what is not kept in the mailbox (PROTOCOL.md sections 1 and 4). */
export interface EphemeralEventMap {
  connection_established: ConnectionEstablished;
  replay_complete: { from_seq: number; to_seq: number; count: number };
  agent_delta: AgentDelta;
  run_snapshot: RunView;
  queue_position: { run_id: string; position: number };
  error: ErrorEnvelope;
  auth_expiring: { expires_at: string };
  server_draining: { reconnect_after_ms: number };
}

export type EphemeralEventName = keyof EphemeralEventMap;

/** Everything a server sends, in the form of Socket.IO's typed events. */
export type ServerToClientEvents = {
  [T in DurableEventType]: (event: DurableEvent<T>) => void;
} & {
  [N in EphemeralEventName]: (payload: EphemeralEventMap[N]) => void;
};
