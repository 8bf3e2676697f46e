import { BenchServer, type Ground, type Line } from '../harness';

const WARM = 500;
const CLIENTS = 3_000;
const MOST_RATIO = 1.3;

/** What an idle connection adds to the process, against bare Socket.IO. */
export async function memory({ url, dataDir }: Ground): Promise<Line[]> {
  const bare = await perConnection(await BenchServer.start('bare'));
  const clarion = await perConnection(await BenchServer.start('clarion', { url, dataDir, workers: true }));
  const ratio = clarion / bare;
  const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);
  return [
    {
      what: 'memory per idle connection, against bare Socket.IO',
      found: `${kilobytes(clarion)} / ${kilobytes(bare)} KB = ${ratio.toFixed(2)} ×`,
      budget: `at most ${MOST_RATIO} ×`,
      held: ratio <= MOST_RATIO,
    },
  ];
}

async function perConnection(server: BenchServer): Promise<number> {
  const releases: (() => void)[] = [];
  try {
    releases.push(await server.hold('idle', { from: 0, to: WARM }));
    const before = await server.memory();
    releases.push(await server.hold('idle', { from: WARM, to: WARM + CLIENTS }));
    return ((await server.memory()) - before) / CLIENTS;
  } finally {
    for (const release of releases) release();
    await server.stop();
  }
}
