import type { ReasonOf } from './catalogue';
import { textOf } from './error-chain';

/** The first word of an error that Redis replies is its code. Any other code is `REDIS_COMMAND_FAILED`. */
const REASON_BY_CODE: Readonly<Record<string, ReasonOf<'Redis'>>> = {
  LOADING: 'REDIS_UNAVAILABLE',
  MASTERDOWN: 'REDIS_UNAVAILABLE',
  CLUSTERDOWN: 'REDIS_IS_CLUSTER',
  MOVED: 'REDIS_IS_CLUSTER',
  ASK: 'REDIS_IS_CLUSTER',
  CROSSSLOT: 'REDIS_IS_CLUSTER',
  BUSY: 'REDIS_TIMEOUT',
  NOAUTH: 'REDIS_CREDENTIALS',
  WRONGPASS: 'REDIS_CREDENTIALS',
  NOPERM: 'REDIS_CREDENTIALS',
  READONLY: 'REDIS_READ_ONLY',
  NOREPLICAS: 'REDIS_READ_ONLY',
  MISCONF: 'REDIS_READ_ONLY',
  OOM: 'REDIS_CAPACITY',
};

/** The code of an error that Redis replied, such as `WRONGPASS`; undefined for any other error. */
export function redisReplyCode(error: object): string | undefined {
  if (textOf(error, 'name') !== 'ReplyError') return undefined;
  return /^[A-Z]+/.exec(textOf(error, 'message') ?? '')?.[0];
}

/** The reason that such a code stands for. */
export function reasonOfRedisReply(code: string): ReasonOf<'Redis'> {
  return REASON_BY_CODE[code] ?? 'REDIS_COMMAND_FAILED';
}
