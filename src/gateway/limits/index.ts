export { InProcessLimits } from './in-process-limits';
export { RedisLimits } from './redis-limits';
export { UserLimits } from './user-limits';
