/** What one user may do, counted over all processes that share a Redis, else in this one. */
export abstract class UserLimits {
  /** Connections of all users to this process. */
  abstract readonly connections: number;
  /** 0 when the user may send a message now, else the milliseconds until then. Never rejects, and takes a moment at most. */
  abstract takeMessage(userId: string): Promise<number>;
  /**
   * A place for one connection.
   * @returns what gives it back; harmless when called again
   * @throws ComponentError CONNECTION_LIMIT
   */
  abstract takePlace(userId: string): Promise<() => void>;
}

export interface LimitsPerUser {
  readonly messagesPerMinute: number;
  readonly connectionsPerUser: number;
}
