import type { AgentOutput } from './agent';

const DEFAULT_LIMIT = 4;

/**
 * What all the streams yield, as it comes, at most `limit` of them under way; gives what each returned. The first that throws stops the others.
 * One that always has something to say holds up none of the others.
 */
export async function* inParallel<R>(
  streams: readonly AsyncGenerator<AgentOutput, R, void>[],
  limit = DEFAULT_LIMIT,
): AsyncGenerator<AgentOutput, R[], void> {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError('limit is a whole number from 1');
  const results: R[] = [];
  const waiting = [...streams.entries()];
  const pending = new Map<number, Promise<Arrival<R>>>();
  const advance = (index: number, stream: AsyncGenerator<AgentOutput, R, void>): void => {
    pending.set(
      index,
      stream.next().then((next) => ({ index, stream, next })),
    );
  };
  try {
    for (;;) {
      for (const [index, stream] of waiting.splice(0, limit - pending.size)) advance(index, stream);
      if (pending.size === 0) return results;
      const { index, stream, next } = await Promise.race(pending.values());
      pending.delete(index);
      if (next.done === true) {
        results[index] = next.value;
      } else {
        yield next.value;
        // At the end of the map: of those that have something to say, the first in it is heard.
        advance(index, stream);
      }
    }
  } finally {
    await Promise.allSettled(streams.map((stream) => stream.return(undefined as R)));
  }
}

interface Arrival<R> {
  readonly index: number;
  readonly stream: AsyncGenerator<AgentOutput, R, void>;
  readonly next: IteratorResult<AgentOutput, R>;
}
