import { classify, ComponentError, type Reason } from '../errors';

const OUTAGES: ReadonlySet<Reason> = new Set<Reason>([
  'DATABASE_UNAVAILABLE',
  'DATABASE_TIMEOUT',
  'DATABASE_CAPACITY',
  'DATABASE_DISK_FULL',
  'DATABASE_CREDENTIALS',
]);

/** True when the database is away or has no room: no statement's own fault. */
export function isOutage(error: unknown): boolean {
  return OUTAGES.has(classify(error, 'Database').reason);
}

const UNKNOWN = { outcome: 'unknown' };

/** A transaction whose COMMIT was sent and never answered. */
export function commitUnanswered(cause: unknown): ComponentError {
  return ComponentError.database('DATABASE_UNAVAILABLE', { cause, details: UNKNOWN });
}

/** True when the transaction that failed may have been committed. */
export function outcomeUnknown(error: unknown): boolean {
  return error instanceof ComponentError && error.details['outcome'] === UNKNOWN.outcome;
}
