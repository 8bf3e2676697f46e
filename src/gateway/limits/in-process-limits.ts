import { ConnectionCounter } from './connection-counter';
import { RateLimiter } from './rate-limiter';
import { UserLimits, type LimitsPerUser } from './user-limits';

/** The limits of a deployment of one process, and of any while Redis is away. */
export class InProcessLimits extends UserLimits {
  private readonly messages: RateLimiter;
  private readonly places: ConnectionCounter;

  constructor({ messagesPerMinute, connectionsPerUser }: LimitsPerUser) {
    super();
    this.messages = new RateLimiter(messagesPerMinute);
    this.places = new ConnectionCounter(connectionsPerUser);
  }

  override get connections(): number {
    return this.places.total;
  }

  override takeMessage(userId: string): Promise<number> {
    return Promise.resolve(this.messages.take(userId));
  }

  override async takePlace(userId: string): Promise<() => void> {
    return this.places.take(userId);
  }
}
