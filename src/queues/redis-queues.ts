import { createRedisBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RedisConnections } from '../redis';
import type { QueueConnections } from './bull';
import { QueueBackend } from './queue-backend';

/** The queues in Redis, shared by any number of processes. */
export class RedisQueues extends QueueBackend {
  override readonly kind = 'redis';

  constructor(private readonly redis: RedisConnections) {
    super();
  }

  override get ready(): boolean {
    return this.redis.ready;
  }

  override onReady(listener: () => void): void {
    this.redis.onReady(listener);
  }

  override async prepare(): Promise<void> {}

  /** One connection for all queues and workers, and one more for each worker to wait on. */
  override connect(onError: (error: Error) => void): QueueConnections {
    const connection = this.redis.connect('queues');
    connection.on('error', onError);
    const waiting: Redis[] = [];
    // This is how BullMQ gets the latter; a copy of its own would be watched by nobody, and outlive a close during an outage.
    connection.duplicate = () => {
      const blocking = this.redis.connectBlocking('queue-worker');
      waiting.push(blocking);
      return blocking;
    };
    const factory = createRedisBackend as QueueConnections['factory'];
    const end = async (): Promise<void> => [connection, ...waiting].forEach((open) => this.redis.disconnect(open));
    return { connection, factory, end };
  }
}
