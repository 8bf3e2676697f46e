import { Injectable } from '@nestjs/common';
import type { ConnectionLimits } from '@clarion/protocol';
import { MAX_CONTENT_BYTES } from '@clarion/protocol';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { UserLimits } from './limits';
import { OriginPolicy } from './origin-policy';

/** What a connection and its messages are measured against. */
@Injectable()
export class ConnectionGate {
  readonly origins: OriginPolicy;
  readonly limits: ConnectionLimits;
  private draining = false;

  constructor(
    config: AppConfig,
    private readonly users: UserLimits,
  ) {
    const { allowedOrigins, allowLocalOrigins, connectionsPerUser, messagesPerMinute } = config.gateway;
    this.origins = new OriginPolicy(allowedOrigins, allowLocalOrigins);
    this.limits = {
      max_content_bytes: MAX_CONTENT_BYTES,
      messages_per_minute: messagesPerMinute,
      connections_per_user: connectionsPerUser,
      queued_runs_per_thread: config.agents.queuedRunsPerThread,
    };
  }

  /** Connections of all users to this process. */
  get connectionCount(): number {
    return this.users.connections;
  }

  /** New connections are refused with SERVER_DRAINING from now on. */
  beginDraining(): void {
    this.draining = true;
  }

  /** @throws ComponentError SERVER_DRAINING */
  assertOpen(): void {
    if (this.draining) throw ComponentError.factory('SERVER_DRAINING');
  }

  /** @returns what gives the connection's place back. @throws ComponentError SERVER_DRAINING, CONNECTION_LIMIT */
  async admit(userId: string): Promise<() => void> {
    this.assertOpen();
    return this.users.takePlace(userId);
  }

  /** @throws ComponentError RATE_LIMITED */
  async admitMessage(userId: string): Promise<void> {
    const waitMs = await this.users.takeMessage(userId);
    if (waitMs === 0) return;
    const details = { limit: this.limits.messages_per_minute, window_ms: 60_000 };
    throw ComponentError.messageHandler('RATE_LIMITED', { details, retryAfterMs: waitMs });
  }
}
