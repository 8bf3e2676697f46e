import { DatabaseError } from 'pg';
import { ComponentError, type Reason } from '../errors';

interface ConnectionLimits {
  readonly connectTimeoutMs: number;
}

const CONNECTION_FAILURES: ReadonlySet<Reason> = new Set<Reason>(['DATABASE_UNAVAILABLE', 'DATABASE_CREDENTIALS']);

/** True when the connection or the server went away, not the statement: SQLSTATE classes 08 and 57P, or no SQLSTATE at all. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(08|57P)/.test(error.code ?? '');
  return error instanceof ComponentError && CONNECTION_FAILURES.has(error.reason);
}

/** True when the server answers, but takes no more connections: class 53. Those that we have go on. */
export function isFull(error: unknown): boolean {
  return error instanceof DatabaseError && /^53/.test(error.code ?? '');
}

/** What PostgreSQL says keeps its SQLSTATE; all else is the connection's. */
export function connectionError(error: unknown, options?: ConnectionLimits): unknown {
  return error instanceof DatabaseError ? error : unavailable(error, options);
}

export function unavailable(cause: unknown, options?: ConnectionLimits): ComponentError {
  const details = options ? { connection_timeout: options.connectTimeoutMs / 1000 } : {};
  const refused = cause instanceof DatabaseError && /^28/.test(cause.code ?? '');
  return ComponentError.database(refused ? 'DATABASE_CREDENTIALS' : 'DATABASE_UNAVAILABLE', { cause, details });
}
