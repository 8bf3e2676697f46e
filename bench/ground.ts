import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../dist/persistence';
import type { Ground } from './harness';

/** Each measure has a PostgreSQL of its own, durable as in production. */
export async function onFreshGround<R>(measure: (ground: Ground) => Promise<R>): Promise<R> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clarion-bench-'));
  const postgres = new EmbeddedPostgres({ dataDir, log: () => undefined });
  try {
    const { url } = await postgres.start();
    return await measure({ url, dataDir });
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
