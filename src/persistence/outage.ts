import { classify, type Reason } from '../errors';

const OUTAGES: ReadonlySet<Reason> = new Set<Reason>([
  'DATABASE_UNAVAILABLE',
  'DATABASE_TIMEOUT',
  'DATABASE_CAPACITY',
  'DATABASE_CREDENTIALS',
]);

/** True when the database is away or has no room: no statement's own fault. */
export function isOutage(error: unknown): boolean {
  return OUTAGES.has(classify(error, 'Database').reason);
}
