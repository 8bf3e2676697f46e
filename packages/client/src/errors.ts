import { COMPONENT_BY_CODE, closeCode, type ErrorBody, type ErrorCode } from '@clarion/protocol';

interface LocalFailure {
  code: ErrorCode;
  retryable: boolean;
  /** English, for developers. */
  message: string;
  /** Plain words for whoever looks at the screen, and what they can do. */
  user: string;
  action: string;
}

/** What fails on this side of the wire, where no server can give it a support code. */
const LOCAL_FAILURES = {
  CLIENT_CLOSED: {
    code: 1003,
    retryable: false,
    message: 'The client was closed',
    user: 'The chat was closed before this was done.',
    action: 'Open the chat again',
  },
  CLIENT_CONTENT_TOO_LARGE: {
    code: 1004,
    retryable: false,
    message: 'The message is larger than a server takes, and was not sent',
    user: 'This message is too long.',
    action: 'Shorten it and send it again',
  },
  CLIENT_DISCONNECTED: {
    code: 1009,
    retryable: true,
    message: 'The connection was lost, or there was none; the outcome is unknown',
    user: 'The connection was lost.',
    action: 'Wait a moment and try again',
  },
  CLIENT_EVENTS_MISSED: {
    code: 1009,
    retryable: false,
    message: 'The server skipped events, again after reconnecting',
    user: 'Some of this conversation could not be loaded.',
    action: 'Reload the conversation',
  },
  CLIENT_NO_ANSWER: {
    code: 1009,
    retryable: true,
    message: 'The server did not answer in time; the outcome is unknown',
    user: 'The server does not answer.',
    action: 'Wait a moment and try again',
  },
  CLIENT_OTHER_USER: {
    code: 1002,
    retryable: false,
    message: 'The message was written by another user, and waits for that user in the store',
    user: 'This message was written by somebody else.',
    action: 'Sign in as the one who wrote it',
  },
  CLIENT_STORE_FAILED: {
    code: 1010,
    retryable: true,
    message: 'The store of this client could not be read or written; a reload may lose what was not sent',
    user: 'This device cannot save your unsent messages.',
    action: 'Do not reload before your messages are sent',
  },
  CLIENT_TOKEN_FAILED: {
    code: 1002,
    retryable: true,
    message: 'The token callback failed',
    user: 'We could not sign you in.',
    action: 'Wait a moment; if it stays like this, sign in again',
  },
} as const satisfies Record<string, LocalFailure>;

export type LocalReason = keyof typeof LOCAL_FAILURES;

/** A failure with its code, as the server told it or as this client found it (reasons `CLIENT_…`, without a support code). */
export class ClarionError extends Error {
  override readonly name = 'ClarionError';

  constructor(
    readonly body: ErrorBody,
    options?: { cause?: unknown },
  ) {
    super(`${body.reason}: ${body.message}`);
    if (options && 'cause' in options) this.cause = options.cause;
  }

  /** Stable name of one precise cause; `/errors/<reason>` of the server explains it. */
  get reason(): string {
    return this.body.reason;
  }

  get retryable(): boolean {
    return this.body.retryable;
  }

  get supportCode(): string {
    return this.body.support_code;
  }
}

/** Shows a failure to the user. */
export type Report = (error: ClarionError) => void;

/** A failure of this client in the shape of all others. `support_code` is empty: there is nothing to look up. */
export function localError(reason: LocalReason, cause?: unknown): ClarionError {
  const { code, retryable, message, user, action }: LocalFailure = LOCAL_FAILURES[reason];
  const severity = 'error';
  const body: ErrorBody = {
    ...{ code, component: COMPONENT_BY_CODE[code], reason, message, severity, retryable, retry_after_ms: null },
    ...{ user_id: null, details: null, root_cause: null, trace_id: null, run_id: null, thread_id: null },
    timestamp: new Date().toISOString(),
    close_code: closeCode(code, retryable),
    support_code: '',
    help_url: `/errors/${reason}`,
    user_notification: {
      ...{ message, severity, user_friendly_message: user, action_required: action, support_code: '' },
    },
  };
  return new ClarionError(body, cause === undefined ? undefined : { cause });
}

/** Whether the same request can succeed later: the server says so, or it wants another token, which the next connection brings. */
export function isRepeatable(error: unknown): error is ClarionError {
  return error instanceof ClarionError && (error.retryable || error.reason === 'AUTH_TOKEN_EXPIRED');
}
