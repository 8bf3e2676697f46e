import { Client } from 'pg';
import { BenchServer, inTurn, type Ground, type Line } from '../harness';
import type { Storm } from '../loads/connects';

const ROUNDS = 5;
/** Until what runs is compiled, and optimised: people come back to a gateway that has been there for a while. */
const WARM_UPS = 4;
const CLIENTS = 1_000;
const MISSED = 20;
const READ = 20;
const EPOCH = 'benchmark0000000';
const LEAST_RATIO = 0.5;

/** Everybody comes back at once: clients that have everything they missed, per second, against connections per second. */
export async function storm({ url, dataDir }: Ground): Promise<Line[]> {
  const clarion = await BenchServer.start('clarion', { url, dataDir, workers: true });
  const bare = await BenchServer.start('bare');
  try {
    await fill(url, (ROUNDS + WARM_UPS) * CLIENTS);
    const connects = async (server: BenchServer, round: number): Promise<number> =>
      (await server.load<{ perSecond: number }>('connects', stormOf(round))).perSecond;
    for (let warmUp = 0; warmUp < WARM_UPS; warmUp += 1) {
      await connects(bare, ROUNDS + warmUp);
      await connects(clarion, ROUNDS + warmUp);
    }
    const found = await inTurn(
      ROUNDS,
      (round) => connects(bare, round),
      (round) => connects(clarion, round),
    );
    return [
      {
        what: `reconnects/s with ${MISSED} missed events, against bare connects/s`,
        found: `${found.clarion.toFixed(0)} / ${found.plain.toFixed(0)} = ${found.ratio.toFixed(2)} ×`,
        budget: `at least ${LEAST_RATIO} ×`,
        held: found.ratio >= LEAST_RATIO,
      },
    ];
  } finally {
    await Promise.all([clarion.stop(), bare.stop()]);
  }
}

/** Every round has users of its own: a cursor moves a position once. */
function stormOf(round: number): Storm {
  const users = Array.from({ length: CLIENTS }, (_, index) => `storm${round * CLIENTS + index}`);
  return { users, cursor: `${EPOCH}:${READ}`, missed: MISSED };
}

async function fill(url: string, users: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    `INSERT INTO mailboxes (user_id, epoch, head) SELECT 'storm' || n, $2, $3 FROM generate_series(0, $1 - 1) n`,
    [users, EPOCH, READ + MISSED],
  );
  await client.query(
    `INSERT INTO mailbox_events (user_id, seq, type, critical, data)
     SELECT 'storm' || n, seq, 'agent_thinking', true, jsonb_build_object('step', seq, 'text', 'Looking at what the question is about, and at what is known of it.')
     FROM generate_series(0, $1 - 1) n, generate_series(1, $2) seq`,
    [users, READ + MISSED],
  );
  await client.query(
    `INSERT INTO mailbox_positions (user_id, device_id, position) SELECT 'storm' || n, 'default', 10 FROM generate_series(0, $1 - 1) n`,
    [users],
  );
  await client.query('VACUUM ANALYZE mailboxes, mailbox_events, mailbox_positions');
  await client.end();
}
