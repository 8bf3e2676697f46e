import { defineReasons } from './definition';

/** 1009: events, replay and history on their way to a client. */
export const WEB_SOCKET_BRIDGE = defineReasons('WebSocketBridge', {
  EVENT_DELIVERY_FAILED: {
    severity: 'error',
    http: 500,
    message: 'Events could not be delivered on this connection',
    retryAfterMs: 1_000,
  },
  HISTORY_TRUNCATED: {
    severity: 'warning',
    http: 410,
    message: 'Events that the client has not seen are no longer retained',
    publicDetails: ['missed_from', 'missed_to'],
  },
  MAILBOX_UNAVAILABLE: {
    severity: 'error',
    http: 503,
    message: 'The mailbox could not be read',
    retryAfterMs: 2_000,
  },
  BACKPRESSURE: {
    severity: 'warning',
    http: 503,
    message: 'The client reads more slowly than events arrive',
    retryAfterMs: 1_000,
    publicDetails: ['buffered_bytes', 'max_buffered_bytes'],
    aggregate: true,
  },
  DELIVERY_UNCONFIRMED: {
    severity: 'warning',
    http: 503,
    message: 'A critical event was not acknowledged in time',
    retryAfterMs: 1_000,
    publicDetails: ['cursor', 'window_ms'],
    aggregate: true,
  },
});
