import { loadConfigFromProcess } from '../config';
import { migrate } from '../persistence';
import { migrateQueues } from '../queues';

/** `npm run migrate`: brings the schema of DATABASE_URL up to date. The embedded database is migrated at every start. */
async function main(): Promise<void> {
  const { databaseUrl } = loadConfigFromProcess().persistence;
  if (databaseUrl === undefined) {
    process.stderr.write('DATABASE_URL is not set: the embedded database migrates itself at the start.\n');
    process.exitCode = 2;
    return;
  }
  const applied = await migrate(databaseUrl);
  await migrateQueues(databaseUrl);
  process.stdout.write(applied.length === 0 ? 'Up to date.\n' : `Applied:\n${applied.join('\n')}\n`);
}

void main();
