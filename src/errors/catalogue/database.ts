import { defineReasons } from './definition';

/** 1005: the database could not do what was asked of it. */
export const DATABASE = defineReasons('Database', {
  DATABASE_UNAVAILABLE: {
    severity: 'critical',
    http: 503,
    message: 'Database session factory unavailable',
    retryAfterMs: 2_000,
    publicDetails: ['connection_timeout', 'retries'],
  },
  DATABASE_TIMEOUT: {
    severity: 'error',
    http: 503,
    message: 'The database did not answer in time',
    retryAfterMs: 2_000,
    publicDetails: ['timeout_ms'],
  },
  DATABASE_CONSTRAINT: {
    severity: 'error',
    http: 500,
    message: 'The database refused a row that breaks a constraint',
  },
  DATABASE_CAPACITY: {
    severity: 'critical',
    http: 503,
    message: 'The database has no connections or memory left',
    retryAfterMs: 5_000,
  },
  DATABASE_DISK_FULL: {
    severity: 'critical',
    http: 503,
    message: 'The disk of the database is full',
    retryAfterMs: 5_000,
  },
  DATABASE_CONFLICT: {
    severity: 'warning',
    http: 503,
    message: 'A transaction conflicted with another one',
    retryAfterMs: 250,
  },
  DATABASE_SCHEMA_OUTDATED: {
    severity: 'critical',
    http: 503,
    message: 'The schema of the database is not the one this version needs',
    retryAfterMs: 30_000,
    publicDetails: ['pending_migrations'],
  },
  DATABASE_QUERY_FAILED: {
    severity: 'error',
    http: 500,
    message: 'The database rejected a statement',
  },
  DATABASE_READ_ONLY: {
    severity: 'critical',
    http: 503,
    message: 'The database accepts no writes',
    retryAfterMs: 5_000,
  },
  RUN_STALLED: {
    severity: 'warning',
    http: 503,
    message: 'A run that was accepted cannot go on: the database takes no writes',
    retryAfterMs: 5_000,
    publicDetails: ['runs'],
  },
  DATABASE_NOT_DURABLE: {
    severity: 'critical',
    http: 503,
    message: 'The database confirms commits before they are durable',
    publicDetails: ['setting'],
  },
  DATABASE_CREDENTIALS: {
    severity: 'critical',
    http: 503,
    message: 'The database refused the credentials or the privilege',
    retryAfterMs: 30_000,
  },
  EMBEDDED_POSTGRES_FAILED: {
    severity: 'critical',
    http: 503,
    message: 'The embedded PostgreSQL did not start or has died',
    retryAfterMs: 5_000,
  },
});
