import { classify, ComponentError, redisReplyCode } from '../errors';

/** What went wrong with Redis, always with a code 1007: an error that Redis replied says itself, all else is the connection's. */
export function redisError(error: unknown): ComponentError {
  if (error instanceof ComponentError) return error;
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return ComponentError.redis('REDIS_TIMEOUT', { cause: error });
  }
  if (error instanceof Error && redisReplyCode(error) !== undefined) return classify(error, 'Redis');
  return ComponentError.redis('REDIS_UNAVAILABLE', { cause: error });
}
