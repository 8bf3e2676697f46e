import type { Component } from '@clarion/protocol';
import type { Reason } from './catalogue';

interface FallbackReasons {
  /** A connection to whatever the component talks to failed. */
  readonly network: Reason;
  /** It took too long, or was aborted for that. */
  readonly timeout: Reason;
  /** Nothing more is known. */
  readonly general: Reason;
}

/** What an error that does not say itself means where it happened. */
export const FALLBACK_REASONS: Readonly<Record<Component, FallbackReasons>> = {
  Authentication: all('AUTH_SERVICE_UNAVAILABLE'),
  Factory: { network: 'SESSION_SETUP_FAILED', timeout: 'HANDSHAKE_TIMEOUT', general: 'SESSION_SETUP_FAILED' },
  MessageHandler: { network: 'INTERNAL_ERROR', timeout: 'ACK_TIMEOUT', general: 'INTERNAL_ERROR' },
  Database: { network: 'DATABASE_UNAVAILABLE', timeout: 'DATABASE_TIMEOUT', general: 'DATABASE_QUERY_FAILED' },
  Dependencies: all('PROVIDER_UNAVAILABLE'),
  Redis: { network: 'QUEUE_UNAVAILABLE', timeout: 'QUEUE_UNAVAILABLE', general: 'QUEUE_JOB_FAILED' },
  AgentSupervisor: { network: 'AGENT_PROVIDER_FAILED', timeout: 'AGENT_TIMEOUT', general: 'AGENT_FAILED' },
  WebSocketBridge: all('EVENT_DELIVERY_FAILED'),
  Integration: all('BACKGROUND_TASK_FAILED'),
  Internal: all('INTERNAL_ERROR'),
};

function all(reason: Reason): FallbackReasons {
  return { network: reason, timeout: reason, general: reason };
}
