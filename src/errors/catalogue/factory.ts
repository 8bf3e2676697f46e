import { defineReasons } from './definition';

/** 1003: a connection or session could not be set up. */
export const FACTORY = defineReasons('Factory', {
  ORIGIN_NOT_ALLOWED: {
    severity: 'warning',
    http: 403,
    message: 'The origin is not on the allow-list',
    reconnect: false,
    publicDetails: ['origin'],
    aggregate: true,
  },
  HANDSHAKE_INVALID: {
    severity: 'warning',
    http: 400,
    message: 'The handshake does not follow the protocol',
    reconnect: false,
    publicDetails: ['issues'],
    aggregate: true,
  },
  NOT_A_GATEWAY: {
    severity: 'warning',
    http: 503,
    message: 'This process serves no clients',
    retryAfterMs: 2_000,
    aggregate: true,
  },
  PROTOCOL_VERSION_UNSUPPORTED: {
    severity: 'warning',
    http: 400,
    message: 'The protocol version is not supported',
    reconnect: false,
    publicDetails: ['requested', 'supported'],
    aggregate: true,
  },
  CURSOR_INVALID: {
    severity: 'warning',
    http: 400,
    message: 'The cursor cannot be read',
    reconnect: false,
    publicDetails: ['expected'],
    aggregate: true,
  },
  CONNECTION_LIMIT: {
    severity: 'warning',
    http: 429,
    message: 'The user has as many connections as are allowed',
    retryAfterMs: 10_000,
    publicDetails: ['limit'],
    aggregate: true,
  },
  SERVER_DRAINING: {
    severity: 'info',
    http: 503,
    message: 'The server is shutting down and takes no new work',
    retryAfterMs: 2_000,
    aggregate: true,
  },
  SESSION_SETUP_FAILED: {
    severity: 'error',
    http: 500,
    message: 'The session could not be set up',
    retryAfterMs: 2_000,
    publicDetails: ['stage'],
  },
  HANDSHAKE_TIMEOUT: {
    severity: 'warning',
    http: 504,
    message: 'The connection could not be set up in time',
    retryAfterMs: 2_000,
    publicDetails: ['stage', 'timeout_ms'],
    aggregate: true,
  },
});
