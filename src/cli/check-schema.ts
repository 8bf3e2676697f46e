import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres, migrate, schemaDifference } from '../persistence';

/** Migrates an empty database, and exits 1 when the entities declare another schema than the migrations make. */
async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clarion-schema-'));
  const postgres = new EmbeddedPostgres({
    dataDir,
    log: (level, message) => {
      if (level === 'error') process.stderr.write(`${message}\n`);
    },
  });
  try {
    const { url } = await postgres.start();
    await migrate(url);
    const { up } = await schemaDifference(url);
    if (up.length === 0) return;
    process.stderr.write(`Migrations and entities differ; missing from the migrations:\n${up.join('\n')}\n`);
    process.exitCode = 1;
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

void main();
