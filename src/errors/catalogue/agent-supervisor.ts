import { defineReasons } from './definition';

/** 1008: running an agent or a tool. */
export const AGENT_SUPERVISOR = defineReasons('AgentSupervisor', {
  AGENT_FAILED: {
    severity: 'error',
    http: 500,
    message: 'The agent threw an error',
    retryAfterMs: 1_000,
    publicDetails: ['agent'],
  },
  AGENT_TIMEOUT: {
    severity: 'error',
    http: 504,
    message: 'The agent exceeded a time limit',
    retryAfterMs: 1_000,
    publicDetails: ['agent', 'clock', 'timeout_ms'],
  },
  AGENT_FIRST_OUTPUT_TIMEOUT: {
    severity: 'error',
    http: 504,
    message: 'The agent produced nothing in time',
    retryAfterMs: 1_000,
    publicDetails: ['agent', 'clock', 'timeout_ms'],
  },
  AGENT_STALLED: {
    severity: 'error',
    http: 504,
    message: 'The agent produced nothing more for too long',
    retryAfterMs: 1_000,
    publicDetails: ['agent', 'clock', 'timeout_ms'],
  },
  TOOL_TIMEOUT: {
    severity: 'error',
    http: 504,
    message: 'A tool of the agent exceeded its time limit',
    retryAfterMs: 1_000,
    publicDetails: ['agent', 'tool', 'timeout_ms'],
  },
  AGENT_TOOL_FAILED: {
    severity: 'error',
    http: 502,
    message: 'A tool of the agent failed',
    retryAfterMs: 1_000,
    publicDetails: ['agent', 'tool'],
  },
  AGENT_PROVIDER_FAILED: {
    severity: 'error',
    http: 502,
    message: 'The model provider of the agent failed',
    retryAfterMs: 2_000,
    publicDetails: ['agent', 'status'],
  },
  WORKER_LOST: {
    severity: 'warning',
    http: 503,
    message: 'The process that ran the agent died',
    retryAfterMs: 1_000,
    publicDetails: ['attempt', 'max_attempts'],
  },
  RUN_ATTEMPTS_EXHAUSTED: {
    severity: 'error',
    http: 500,
    message: 'The run used up its attempts',
    publicDetails: ['attempts', 'max_attempts', 'last_reason'],
  },
  RUN_QUEUE_TIMEOUT: {
    severity: 'error',
    http: 504,
    message: 'No worker took the run in time',
    retryAfterMs: 5_000,
    publicDetails: ['timeout_ms'],
  },
  STEP_OUTCOME_UNKNOWN: {
    severity: 'error',
    http: 500,
    message: 'A step that may have been done is not done again',
    publicDetails: ['step'],
  },
  AGENT_REPLAY_DIVERGED: {
    severity: 'error',
    http: 500,
    message: 'The agent did not come again to where its answer was interrupted',
    publicDetails: ['agent'],
  },
  AGENT_OUTPUT_INVALID: {
    severity: 'error',
    http: 500,
    message: 'The agent produced something that cannot be delivered',
    publicDetails: ['agent'],
  },
  DRILL_REQUEST_INVALID: {
    severity: 'info',
    http: 400,
    message: 'The content is not a request that the drill agent understands',
    publicDetails: ['issues'],
  },
});
