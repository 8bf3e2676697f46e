/** The component that each error code stands for (PROTOCOL.md section 5). */
export const COMPONENT_BY_CODE = {
  1002: 'Authentication',
  1003: 'Factory',
  1004: 'MessageHandler',
  1005: 'Database',
  1006: 'Dependencies',
  1007: 'Redis',
  1008: 'AgentSupervisor',
  1009: 'WebSocketBridge',
  1010: 'Integration',
  1011: 'Internal',
} as const;

export type ErrorCode = keyof typeof COMPONENT_BY_CODE;

/** The part of Clarion in which something failed; one for each code. */
export type Component = (typeof COMPONENT_BY_CODE)[ErrorCode];

/** All codes, ascending. */
export const ERROR_CODES: readonly ErrorCode[] = [1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011];

/** From the gravest to the lightest. */
export const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;

export type Severity = (typeof SEVERITIES)[number];

/** What a client shows to a human; one support code is shown once. */
export interface UserNotification {
  message: string;
  severity: Severity;
  user_friendly_message: string;
  action_required: string;
  support_code: string;
}

/** The inner object of the envelope: what every field called `error` in an event or an acknowledgement holds. */
export interface ErrorBody {
  code: ErrorCode;
  component: Component;
  /** The stable name of one precise cause, `[A-Z][A-Z0-9_]*`. */
  reason: string;
  /** English, for developers. */
  message: string;
  user_id: string | null;
  /** ISO 8601, UTC, with milliseconds. */
  timestamp: string;
  /** For an end user only what the catalogue marks public, or null. */
  details: Record<string, unknown> | null;
  /** For admins; null for an end user. */
  root_cause: string | null;
  severity: Severity;
  retryable: boolean;
  retry_after_ms: number | null;
  /** For transports that have close codes; see `closeCode`. */
  close_code: number;
  /** `<REASON>_<8 Crockford base32>`, unique per occurrence. */
  support_code: string;
  trace_id: string | null;
  run_id: string | null;
  thread_id: string | null;
  help_url: string;
  user_notification: UserNotification;
}

/** The one shape of a failure on the wire: `connect_error.data` and the `error` event. */
export interface ErrorEnvelope {
  type: 'error';
  error: ErrorBody;
}

/**
 * The close code of an error for transports that have one (PROTOCOL.md section 6): 4002-4011 where reconnecting can help,
 * 4502-4511 where it cannot.
 */
export function closeCode(code: ErrorCode, reconnectHelps: boolean): number {
  return (reconnectHelps ? 3000 : 3500) + code;
}
