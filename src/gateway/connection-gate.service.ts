import { Injectable } from '@nestjs/common';
import type { ConnectionLimits } from '@clarion/protocol';
import { MAX_CONTENT_BYTES } from '@clarion/protocol';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { ConnectionCounter } from './connection-counter';
import { OriginPolicy } from './origin-policy';
import { RateLimiter } from './rate-limiter';

/** What a connection and its messages are measured against in this process. */
@Injectable()
export class ConnectionGate {
  readonly origins: OriginPolicy;
  readonly limits: ConnectionLimits;
  private readonly connections: ConnectionCounter;
  private readonly messages: RateLimiter;
  private draining = false;

  constructor(config: AppConfig) {
    const { allowedOrigins, allowLocalOrigins, connectionsPerUser, messagesPerMinute } = config.gateway;
    this.origins = new OriginPolicy(allowedOrigins, allowLocalOrigins);
    this.connections = new ConnectionCounter(connectionsPerUser);
    this.messages = new RateLimiter(messagesPerMinute);
    this.limits = {
      max_content_bytes: MAX_CONTENT_BYTES,
      messages_per_minute: messagesPerMinute,
      connections_per_user: connectionsPerUser,
      queued_runs_per_thread: config.agents.queuedRunsPerThread,
    };
  }

  /** Connections of all users. */
  get connectionCount(): number {
    return this.connections.total;
  }

  /** New connections are refused with SERVER_DRAINING from now on. */
  beginDraining(): void {
    this.draining = true;
  }

  /** @returns what gives the connection's place back. @throws ComponentError SERVER_DRAINING, CONNECTION_LIMIT */
  admit(userId: string): () => void {
    if (this.draining) throw ComponentError.factory('SERVER_DRAINING');
    return this.connections.take(userId);
  }

  /** @throws ComponentError RATE_LIMITED */
  admitMessage(userId: string): void {
    const waitMs = this.messages.take(userId);
    if (waitMs === 0) return;
    const details = { limit: this.limits.messages_per_minute, window_ms: 60_000 };
    throw ComponentError.messageHandler('RATE_LIMITED', { details, retryAfterMs: waitMs });
  }
}
