import { defineReasons } from './definition';

/** 1007: Redis, or the queues on whichever backend. */
export const REDIS = defineReasons('Redis', {
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
