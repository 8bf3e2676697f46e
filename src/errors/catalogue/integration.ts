import { defineReasons } from './definition';

/** 1010: background tasks, alert channels, coordination. */
export const INTEGRATION = defineReasons('Integration', {
  BACKGROUND_TASK_FAILED: {
    severity: 'error',
    http: 500,
    message: 'A background task failed',
    publicDetails: ['task'],
  },
  BACKGROUND_TASK_RETRYING: {
    severity: 'warning',
    http: 500,
    message: 'An attempt of a background task failed; it is tried again',
    retryAfterMs: 1_000,
    publicDetails: ['task', 'attempt', 'attempts'],
  },
  BACKGROUND_TASK_OVERDUE: {
    severity: 'error',
    http: 500,
    message: 'A background task did not run when it should have',
    publicDetails: ['task'],
  },
  BACKGROUND_TASK_UNKNOWN: {
    severity: 'warning',
    http: 404,
    message: 'No background task has this name',
    publicDetails: ['task', 'available'],
  },
  ALERT_DELIVERY_RETRYING: {
    severity: 'warning',
    http: 502,
    message: 'A channel did not take an alert; it is sent again',
    retryAfterMs: 1_000,
  },
  ALERT_CHANNEL_FAILED: {
    severity: 'error',
    http: 502,
    message: 'A channel does not take an alert; the next one gets it',
  },
  ALERT_UNDELIVERED: {
    severity: 'critical',
    http: 502,
    message: 'No channel takes an alert',
  },
  ALERT_NOT_FOUND: {
    severity: 'info',
    http: 404,
    message: 'No alert or silence has this id, or it has ended',
    publicDetails: ['id'],
  },
  SPOOL_WRITE_FAILED: {
    severity: 'critical',
    http: 500,
    message: 'A failure record could not be written to the local spool',
  },
  SPOOL_OVERFLOW: {
    severity: 'critical',
    http: 500,
    message: 'The local spool of failure records is full',
  },
  TRACES_NOT_ARRIVING: {
    severity: 'warning',
    http: 502,
    message: 'The receiver of traces does not take spans',
  },
  HEALTH_CHECK_FAILED: {
    severity: 'error',
    http: 500,
    message: 'A component is not well',
    publicDetails: ['indicator'],
  },
  DIGEST_NOT_FOUND: {
    severity: 'info',
    http: 404,
    message: 'No digest that could not be sent has this id',
    publicDetails: ['id'],
  },
  FALLBACK_DELIVERY_FAILED: {
    severity: 'error',
    http: 502,
    message: 'A user who did not come back could not be told what is waiting',
  },
});
