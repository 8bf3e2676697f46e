/** Why something was not taken by whom it was sent to. */
export type SendFailureKind =
  /** The host has only addresses that OUTBOUND_PRIVATE_ADDRESSES would have to allow. */
  | 'address_refused'
  /** It answered with a redirect; those are never followed. */
  | 'redirected'
  /** It answered that it does not take it. */
  | 'rejected'
  /** Not done within OUTBOUND_TIMEOUT_MS. Whether it was taken is unknown: send it again with the same id. */
  | 'timed_out'
  /** It could not be reached, or the connection broke. Whether it was taken is unknown: send it again with the same id. */
  | 'unreachable';

/** Not taken. Nothing here is for end users. */
export interface SendFailure {
  readonly sent: false;
  readonly kind: SendFailureKind;
  /** Whether the same may be taken later. */
  readonly retryable: boolean;
  /** What the peer asked for, in milliseconds from now. */
  readonly retryAfterMs: number | null;
  /** HTTP status or SMTP reply code; null where there was no answer. */
  readonly status: number | null;
  /** The driver's code (`ECONNREFUSED`), or the beginning of the answer. */
  readonly detail: string;
}

export type Sent<T = object> = { readonly sent: true } & T;

const DETAIL_CHARS = 500;

export function sendFailure(
  kind: SendFailureKind,
  retryable: boolean,
  more: { status?: number | null; retryAfterMs?: number | null; detail?: string } = {},
): SendFailure {
  const { status = null, retryAfterMs = null, detail = '' } = more;
  return { sent: false, kind, retryable, status, retryAfterMs, detail: detail.slice(0, DETAIL_CHARS) };
}
