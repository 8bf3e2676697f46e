import { onFreshGround } from '../ground';
import { BenchServer, inTurn, type Ground, type Line } from '../harness';
import type { Accepts } from '../loads/accepts';
import { redisIsHere, startRedis } from '../redis';

const ROUNDS = 3;
const LEAST_RATIO = { PostgreSQL: 5, Redis: 2.5 };
const MOST_P99_MS = 30;

/** `chat_message` to its acknowledgement after the commit, enqueuing included, workers off on both sides. */
export async function accepts(ground: Ground): Promise<Line[]> {
  const found = await ratio('PostgreSQL', ground);
  // On a ground of its own: with nobody at work each user has hundreds of open runs by now, and is sent them when it connects.
  const half = await onFreshGround((own) => measure('clarion', { ...own, workers: false }, found.clarion / 2));
  return [
    found.line,
    {
      what: 'the same at half that load, p99',
      found: `${half.p99.toFixed(1)} ms (p50 ${half.p50.toFixed(1)} ms) at ${half.perSecond.toFixed(0)}/s`,
      budget: `at most ${MOST_P99_MS} ms`,
      held: half.p99 <= MOST_P99_MS,
    },
    ...(redisIsHere() ? [await onRedis(ground)] : []),
  ];
}

async function onRedis(ground: Ground): Promise<Line> {
  const redis = await startRedis();
  try {
    return (await ratio('Redis', { ...ground, redisUrl: redis.url })).line;
  } finally {
    await redis.stop();
  }
}

/** Accepts per second against those of the plain handler, with the queues of both in `where`. */
async function ratio(where: keyof typeof LEAST_RATIO, options: object): Promise<{ clarion: number; line: Line }> {
  const perSecond = async (kind: string): Promise<number> =>
    (await measure(kind, { ...options, workers: false }, 0)).perSecond;
  const found = await inTurn(
    ROUNDS,
    () => perSecond('plain'),
    () => perSecond('clarion'),
  );
  const { plain, clarion } = found;
  const line = {
    what: `durable accepts/s with queues on ${where}, against save + queue.add`,
    found: `${clarion.toFixed(0)} / ${plain.toFixed(0)} = ${found.ratio.toFixed(2)} ×`,
    budget: `at least ${LEAST_RATIO[where]} ×`,
    held: found.ratio >= LEAST_RATIO[where],
  };
  return { clarion, line };
}

/** `pace`: messages per second; 0: as many as can be. */
async function measure(kind: string, options: object, pace: number): Promise<Accepts> {
  const server = await BenchServer.start(kind, options);
  try {
    return await server.load<Accepts>('accepts', { pace });
  } finally {
    await server.stop();
  }
}
