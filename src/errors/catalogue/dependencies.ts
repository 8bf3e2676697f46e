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
  PROVIDER_CREDENTIALS: {
    severity: 'critical',
    http: 502,
    message: 'An external provider does not accept our credentials',
    publicDetails: ['provider'],
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    severity: 'critical',
    http: 502,
    message: 'The quota or credit at an external provider is used up',
    publicDetails: ['provider'],
  },
  PROVIDER_RATE_LIMITED: {
    severity: 'warning',
    http: 503,
    message: 'An external provider limits how often it is asked',
    retryAfterMs: 10_000,
    publicDetails: ['provider'],
  },
  PROVIDER_MODEL_UNKNOWN: {
    severity: 'critical',
    http: 502,
    message: 'The model provider does not know the model, or the address is wrong',
    publicDetails: ['provider'],
  },
  PROVIDER_CONTEXT_TOO_LONG: {
    severity: 'warning',
    http: 400,
    message: 'The conversation is longer than the model can read',
    publicDetails: ['provider'],
  },
  PROVIDER_CONTENT_FILTERED: {
    severity: 'info',
    http: 400,
    message: 'The model provider withheld the answer by its content filter',
    publicDetails: ['provider'],
  },
  PROVIDER_TIMEOUT: {
    severity: 'error',
    http: 504,
    message: 'An external provider fell silent',
    retryAfterMs: 2_000,
    publicDetails: ['provider', 'timeout_ms'],
  },
  PROVIDER_RESPONSE_INVALID: {
    severity: 'error',
    http: 502,
    message: 'An external provider answered with something that cannot be understood',
    retryAfterMs: 2_000,
    publicDetails: ['provider'],
  },
  PROVIDER_STREAM_BROKEN: {
    severity: 'error',
    http: 502,
    message: 'The answer of an external provider broke off',
    retryAfterMs: 1_000,
    publicDetails: ['provider'],
  },
  PROVIDER_ANSWER_EMPTY: {
    severity: 'error',
    http: 502,
    message: 'The model ended without an answer',
    retryAfterMs: 1_000,
    publicDetails: ['provider'],
  },
  PROVIDER_ANSWER_TRUNCATED: {
    severity: 'warning',
    http: 200,
    message: 'The answer reached the limit of tokens and was cut off',
    publicDetails: ['provider'],
  },
  MCP_SERVER_UNAVAILABLE: {
    severity: 'error',
    http: 503,
    message: 'A server of tools cannot be reached',
    retryAfterMs: 5_000,
  },
});
