export { executePipeline } from './execute-pipeline';
export { RedisConnections } from './redis-connections';
export { RedisLifecycle } from './redis-lifecycle.service';
export { redisError } from './redis-error';
export { RedisModule } from './redis.module';
