import type { ReasonOf } from './catalogue';

/** SQLSTATEs begin with a digit or one of a few letters, which tells them from Node's `EPIPE` and the like. */
const SQLSTATE = /^(?:[0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** Whole states first, then classes (PostgreSQL, appendix A). Any other state is `DATABASE_QUERY_FAILED`. */
const REASON_BY_STATE: Readonly<Record<string, ReasonOf<'Database'>>> = {
  '08': 'DATABASE_UNAVAILABLE',
  '57P01': 'DATABASE_UNAVAILABLE',
  '57P02': 'DATABASE_UNAVAILABLE',
  '57P03': 'DATABASE_UNAVAILABLE',
  '57P04': 'DATABASE_UNAVAILABLE',
  '57P05': 'DATABASE_UNAVAILABLE',
  '3D000': 'DATABASE_UNAVAILABLE',
  '58': 'DATABASE_UNAVAILABLE',
  '57014': 'DATABASE_TIMEOUT',
  '55P03': 'DATABASE_TIMEOUT',
  '25P03': 'DATABASE_TIMEOUT',
  '25P04': 'DATABASE_TIMEOUT',
  '53': 'DATABASE_CAPACITY',
  '53100': 'DATABASE_DISK_FULL',
  '40': 'DATABASE_CONFLICT',
  '40002': 'DATABASE_CONSTRAINT',
  '23': 'DATABASE_CONSTRAINT',
  '25006': 'DATABASE_READ_ONLY',
  '28': 'DATABASE_CREDENTIALS',
  '42501': 'DATABASE_CREDENTIALS',
  '42P01': 'DATABASE_SCHEMA_OUTDATED',
  '42703': 'DATABASE_SCHEMA_OUTDATED',
  '42704': 'DATABASE_SCHEMA_OUTDATED',
  '42883': 'DATABASE_SCHEMA_OUTDATED',
  '3F000': 'DATABASE_SCHEMA_OUTDATED',
};

/** The reason that a driver's error code stands for, or undefined when it is no SQLSTATE. */
export function reasonOfSqlstate(code: string): ReasonOf<'Database'> | undefined {
  if (!SQLSTATE.test(code)) return undefined;
  return REASON_BY_STATE[code] ?? REASON_BY_STATE[code.slice(0, 2)] ?? 'DATABASE_QUERY_FAILED';
}
