import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../telemetry';
import { RedisConnections } from './redis-connections';

/** Whether Redis is there, and how often it was not. Nothing without REDIS_URL. */
@Injectable()
export class RedisMetrics {
  constructor(registry: MetricsRegistry, redis: RedisConnections) {
    if (!redis.configured) return;
    const registers = [registry];
    new Gauge({
      name: 'clarion_redis_up',
      help: 'Whether this process is connected to Redis: 1 or 0.',
      registers,
      collect() {
        this.set(redis.ready ? 1 : 0);
      },
    });
    const outages = new Counter({
      name: 'clarion_redis_outages_total',
      help: 'How often Redis went away.',
      registers,
    });
    redis.onDown(() => outages.inc());
  }
}
