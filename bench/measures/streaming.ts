import { BenchServer, type Ground, type Line } from '../harness';
import type { Delays, Paced } from '../loads/streaming';

const LOAD: Paced = { runs: 1_000, perSecond: 20, tokens: 400 };
const MOST_MS = 250;

/** As many answers at the pace of a model, all at once: how long after it was due a delta is with its client. */
export async function streaming({ url, dataDir }: Ground): Promise<Line[]> {
  const clarion = await BenchServer.start('clarion', { url, dataDir, workers: true });
  try {
    const { completed, troubled, p50, p99, deltas } = await clarion.load<Delays>('streaming', LOAD);
    return [
      {
        what: `runs of ${LOAD.runs} that began at once, and completed without any trouble`,
        found: `${completed}, ${troubled} in trouble`,
        budget: 'all',
        held: completed === LOAD.runs && troubled === 0,
      },
      {
        what: `delay of a delta while ${LOAD.runs} runs stream ${LOAD.perSecond} tokens/s at once, p99 of ${deltas}`,
        found: deltas === 0 ? 'they never did' : `${p99.toFixed(0)} ms (p50 ${p50.toFixed(0)} ms)`,
        budget: `below ${MOST_MS} ms`,
        held: deltas > 0 && p99 < MOST_MS,
      },
    ];
  } finally {
    await clarion.stop();
  }
}
