import { ComponentError, type ReasonOf } from '../../errors';

type AuthReason = ReasonOf<'Authentication'>;

const SERVICE_REASONS: ReadonlySet<string> = new Set<AuthReason>([
  'AUTH_SERVICE_UNAVAILABLE',
  'AUTH_SERVICE_TIMEOUT',
  'AUTH_SERVICE_INVALID_ANSWER',
  'AUTH_CIRCUIT_OPEN',
  'AUTH_CREDENTIALS_REFUSED',
]);

/** Whether an error speaks of the auth service, and so says nothing about a token. */
export function isServiceFailure(error: unknown): error is ComponentError {
  return error instanceof ComponentError && SERVICE_REASONS.has(error.reason);
}

/** The same failure for another one who is concerned by it: each gets a support code of their own. */
export function ownCopy(error: unknown): unknown {
  if (!(error instanceof ComponentError)) return error;
  const { reason, details, retryAfterMs } = error;
  return new ComponentError(reason, { details, retryAfterMs, cause: error });
}

/** What an answer that makes no sense is refused with; `problem` says what about it. */
export function invalidAnswer(problem: string, details: Record<string, unknown> = {}, cause?: unknown): ComponentError {
  return ComponentError.authentication('AUTH_SERVICE_INVALID_ANSWER', { details: { problem, ...details }, cause });
}

/** Gives the failure of a request its reason, by the types and codes of `fetch`. */
export function requestFailure(error: unknown, timeoutMs: number): ComponentError {
  if (error instanceof ComponentError) return error;
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') {
    return ComponentError.authentication('AUTH_SERVICE_TIMEOUT', { details: { timeout_ms: timeoutMs }, cause: error });
  }
  if ((cause as Error | undefined)?.name === 'HTTPParserError') return invalidAnswer('no HTTP', {}, error);
  const { code: errno, address, port } = (cause ?? {}) as Record<string, unknown>;
  return ComponentError.authentication('AUTH_SERVICE_UNAVAILABLE', { details: { errno, address, port }, cause: error });
}
