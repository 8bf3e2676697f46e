import { defineReasons } from './definition';

/** 1007: Redis, or the queues on whichever backend. */
export const REDIS = defineReasons('Redis', {
  REDIS_UNAVAILABLE: {
    severity: 'critical',
    http: 503,
    message: 'Redis cannot be reached',
    retryAfterMs: 2_000,
  },
  REDIS_TIMEOUT: {
    severity: 'error',
    http: 503,
    message: 'Redis did not answer in time',
    retryAfterMs: 2_000,
    publicDetails: ['timeout_ms'],
  },
  REDIS_CREDENTIALS: {
    severity: 'critical',
    http: 503,
    message: 'Redis refused the credentials or the privilege',
    retryAfterMs: 30_000,
  },
  REDIS_READ_ONLY: {
    severity: 'critical',
    http: 503,
    message: 'Redis accepts no writes',
    retryAfterMs: 5_000,
  },
  REDIS_CAPACITY: {
    severity: 'critical',
    http: 503,
    message: 'Redis has no memory left',
    retryAfterMs: 5_000,
  },
  REDIS_IS_CLUSTER: {
    severity: 'critical',
    http: 503,
    message: 'Redis is a cluster, which is not supported',
    retryAfterMs: 30_000,
  },
  REDIS_COMMAND_FAILED: {
    severity: 'error',
    http: 500,
    message: 'Redis rejected a command',
  },
  QUEUE_UNAVAILABLE: {
    severity: 'critical',
    http: 503,
    message: 'The queues are unavailable',
    retryAfterMs: 5_000,
  },
  RUN_DELAYED: {
    severity: 'warning',
    http: 503,
    message: 'The run was accepted but could not be enqueued yet',
    retryAfterMs: 5_000,
  },
  QUEUE_JOB_FAILED: {
    severity: 'error',
    http: 500,
    message: 'A job of a queue failed',
  },
});
