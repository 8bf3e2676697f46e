import type { Cursor } from './cursor';
import type { ErrorBody, ErrorCode } from './errors';

export const RUN_STATUSES = ['queued', 'running', 'waiting', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The statuses of a run that has ended; such a run never changes again. */
export const TERMINAL_STATUSES: ReadonlySet<RunStatus> = new Set<RunStatus>(['completed', 'failed', 'cancelled']);

/** What happens when the thread has runs that have not ended. */
export const OVERLAPS = ['enqueue', 'reject', 'interrupt'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** Where reading resumed: at the passed cursor, at the device's position, where nobody has seen on, or after a loss. */
export const RESUME_MODES = ['cursor', 'position', 'new', 'reset'] as const;
export type ResumeMode = (typeof RESUME_MODES)[number];

export const ACK_MODES = ['auto', 'manual'] as const;
export type AckMode = (typeof ACK_MODES)[number];

export const MESSAGE_ROLES = ['user', 'assistant'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** The question that a `waiting` run has asked; also the data of `input_required`. */
export interface PendingInput {
  input_id: string;
  prompt: string;
  /** A JSON Schema of the value that is asked for. */
  schema: Record<string, unknown>;
  expires_at: string;
}

/** A run as `run_get`, `thread_history` and `run_snapshot` show it. */
export interface RunView {
  run_id: string;
  thread_id: string;
  /** The user's message that this run answers. */
  message_id: string;
  agent: string;
  status: RunStatus;
  /** 0 until the run has started. */
  attempt: number;
  /** `text.length`: where the next delta of this attempt begins. */
  index: number;
  text: string;
  /** The number of runs that go before this one. */
  position: number;
  pending_input: PendingInput | null;
  error: ErrorBody | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface ThreadView {
  thread_id: string;
  title: string | null;
  created_at: string;
  updated_at: string;
  active_run_id: string | null;
}

export interface MessageView {
  message_id: string;
  thread_id: string;
  role: MessageRole;
  content: string;
  /** Null for an agent's message. */
  client_message_id: string | null;
  run_id: string | null;
  created_at: string;
}

/** The components of the health report (PROTOCOL.md section 7). */
export const COMPONENT_NAMES = [
  'environment',
  'database',
  'redis',
  'auth',
  'factory',
  'handler',
  'supervisor',
  'bridge',
  'queues',
  'tasks',
  'alerts',
  'provider',
] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];

export const COMPONENT_STATUSES = ['healthy', 'degraded', 'failed', 'not_configured'] as const;
export type ComponentStatus = (typeof COMPONENT_STATUSES)[number];

/** One component of the report. Callers who may not see details get `status` alone. */
export interface ComponentDetail {
  status: ComponentStatus;
  details?: Record<string, unknown>;
  latency_ms?: number | null;
  checked_at?: string;
  /** When `status` became what it is. */
  since?: string;
  error?: string;
  error_code?: ErrorCode;
  reason?: string;
  suggestion?: string;
  /** How old what is said here is, in milliseconds. */
  age_ms?: number;
  /** How often the status changed within the last hour. */
  flaps?: number;
  /** What will go wrong if it goes on as it does. */
  warnings?: HealthWarning[];
  /** What was done to mend it since the start. */
  repairs?: HealthRepair[];
}

/** A figure of a component that is on its way to its limit. */
export interface HealthWarning {
  figure: string;
  value: number;
  limit: number;
  expected_at: string;
  message: string;
  suggestion: string;
}

/** What a process does by itself to mend a component. */
export interface HealthRepair {
  action: string;
  attempts: number;
  succeeded: number;
  last_at: string;
  last_succeeded: boolean;
}

export interface ComponentReport {
  healthy: boolean;
  status: ComponentStatus;
  failed_components: ComponentName[];
  degraded_components: ComponentName[];
  component_details: Partial<Record<ComponentName, ComponentDetail>>;
  error_suggestions: string[];
  summary: string;
}

/** What a client passes as Socket.IO `auth` (PROTOCOL.md section 1). */
export interface HandshakeAuth {
  token: string;
  protocol?: number | string;
  device_id?: string;
  /** `"<epoch>:<seq>"` of the last durable event that this client has processed. */
  cursor?: string;
  ack?: AckMode;
  /** A BCP 47 tag. */
  locale?: string;
}

/** `HandshakeAuth` as a server has read it: defaults filled in, numbers that came as strings made numbers. */
export interface AcceptedHandshake {
  protocol: 1;
  token: string;
  device_id: string;
  cursor?: Cursor;
  ack: AckMode;
  /** Absent where none was passed, or what was passed is no BCP 47 tag: texts fall back to `en`. */
  locale?: string;
}

/** What `connection_established` tells a client about its bounds. */
export interface ConnectionLimits {
  max_content_bytes: number;
  messages_per_minute: number;
  connections_per_user: number;
  queued_runs_per_thread: number;
}
