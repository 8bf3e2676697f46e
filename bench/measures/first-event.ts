import { BenchServer, type Ground, type Line } from '../harness';

const MOST_P50_MS = 10;

/** One client asks: how long until it hears that an agent has begun. */
export async function firstEvent({ url, dataDir }: Ground): Promise<Line[]> {
  const server = await BenchServer.start('clarion', { url, dataDir, workers: true });
  try {
    const { p50, p99 } = await server.load<{ p50: number; p99: number }>('first-event');
    return [
      {
        what: 'chat_message to agent_started, one client, p50',
        found: `${p50.toFixed(1)} ms (p99 ${p99.toFixed(1)} ms)`,
        budget: `at most ${MOST_P50_MS} ms`,
        held: p50 <= MOST_P50_MS,
      },
    ];
  } finally {
    await server.stop();
  }
}
