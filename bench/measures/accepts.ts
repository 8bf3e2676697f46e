import { BenchServer, inTurn, type Ground, type Line } from '../harness';
import type { Accepts } from '../loads/accepts';

const ROUNDS = 3;
const LEAST_RATIO = 5;
const MOST_P99_MS = 30;

/** `chat_message` to its acknowledgement after the commit, enqueuing included, workers off on both sides. */
export async function accepts({ url, dataDir }: Ground): Promise<Line[]> {
  const clarion = (pace = 0): Promise<Accepts> => measure('clarion', { url, dataDir, workers: false }, pace);
  const {
    plain,
    clarion: ours,
    ratio,
  } = await inTurn(
    ROUNDS,
    async () => (await measure('plain', { url }, 0)).perSecond,
    async () => (await clarion()).perSecond,
  );
  const half = await clarion(ours / 2);
  return [
    {
      what: 'durable accepts/s, against save + queue.add',
      found: `${ours.toFixed(0)} / ${plain.toFixed(0)} = ${ratio.toFixed(2)} ×`,
      budget: `at least ${LEAST_RATIO} ×`,
      held: ratio >= LEAST_RATIO,
    },
    {
      what: 'the same at half that load, p99',
      found: `${half.p99.toFixed(1)} ms at ${half.perSecond.toFixed(0)}/s`,
      budget: `at most ${MOST_P99_MS} ms`,
      held: half.p99 <= MOST_P99_MS,
    },
  ];
}

async function measure(kind: string, options: object, pace: number): Promise<Accepts> {
  const server = await BenchServer.start(kind, options);
  try {
    return await server.load<Accepts>('accepts', { pace });
  } finally {
    await server.stop();
  }
}
