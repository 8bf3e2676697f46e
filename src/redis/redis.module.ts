import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config';
import { RedisConnections } from './redis-connections';
import { RedisIndicator } from './redis.indicator';
import { RedisLifecycle } from './redis-lifecycle.service';
import { RedisMetrics } from './redis-metrics';

/** The connections to Redis, and what looks after them. */
@Global()
@Module({
  providers: [
    {
      provide: RedisConnections,
      useFactory: ({ redis }: AppConfig) => new RedisConnections(redis),
      inject: [AppConfig],
    },
    RedisIndicator,
    RedisLifecycle,
    RedisMetrics,
  ],
  exports: [RedisConnections, RedisLifecycle],
})
export class RedisModule {}
