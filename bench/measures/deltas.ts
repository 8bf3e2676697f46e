import { BenchServer, inTurn, type Ground, type Line } from '../harness';
import type { Streaming } from '../loads/deltas';

const ROUNDS = 5;
const LOAD: Streaming = { users: 100, devices: 2, tokens: 1_000 };
const LEAST_RATIO = 0.9;

/** Answers as fast as they can be written, to every device of their users: deltas delivered per second, against emits to a room. */
export async function deltas({ url, dataDir }: Ground): Promise<Line[]> {
  const clarion = await BenchServer.start('clarion', { url, dataDir, workers: true });
  const bare = await BenchServer.start('bare');
  try {
    const stream = async (server: BenchServer): Promise<number> =>
      (await server.load<{ perSecond: number }>('deltas', LOAD)).perSecond;
    await stream(bare);
    await stream(clarion);
    const found = await inTurn(
      ROUNDS,
      () => stream(bare),
      () => stream(clarion),
    );
    return [
      {
        what: `deltas/s to ${LOAD.devices} devices of ${LOAD.users} users, against bare room emits`,
        found: `${found.clarion.toFixed(0)} / ${found.plain.toFixed(0)} = ${found.ratio.toFixed(2)} ×`,
        budget: `at least ${LEAST_RATIO} ×`,
        held: found.ratio >= LEAST_RATIO,
      },
    ];
  } finally {
    await Promise.all([clarion.stop(), bare.stop()]);
  }
}
