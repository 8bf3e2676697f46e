import { defineReasons } from './definition';

/** 1006: what Clarion needs around itself is missing or wrong: configuration, environment, an external provider. */
export const DEPENDENCIES = defineReasons('Dependencies', {
  CONFIGURATION_INVALID: {
    severity: 'critical',
    http: 500,
    message: 'The configuration is invalid',
  },
  DATA_DIR_IN_USE: {
    severity: 'critical',
    http: 500,
    message: 'Another process uses the data directory',
  },
  DATA_DIR_UNUSABLE: {
    severity: 'critical',
    http: 500,
    message: 'The data directory cannot be created, read or written',
  },
  EMBEDDED_POSTGRES_MISSING: {
    severity: 'critical',
    http: 500,
    message: 'No embedded PostgreSQL is installed for this platform',
  },
  PORT_IN_USE: {
    severity: 'critical',
    http: 500,
    message: 'The port to listen on is taken',
  },
  ANOTHER_PROCESS_RUNNING: {
    severity: 'critical',
    http: 500,
    message: 'Another process serves this database, and without Redis only one may',
  },
  PROVIDER_UNAVAILABLE: {
    severity: 'error',
    http: 503,
    message: 'An external provider is unavailable',
    retryAfterMs: 5_000,
    publicDetails: ['provider'],
  },
  PROVIDER_REJECTED: {
    severity: 'error',
    http: 502,
    message: 'An external provider rejected the request',
    publicDetails: ['provider', 'status'],
  },
  PROVIDER_CIRCUIT_OPEN: {
    severity: 'warning',
    http: 503,
    message: 'An external provider failed several times in a row and is not asked for a while',
    retryAfterMs: 10_000,
    publicDetails: ['provider'],
  },
});
