import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres.error';
import type { Postmaster } from './postmaster';

interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

const POLL_MS = 15;
const CONNECT_LIMIT_MS = 2_000;
/** Long enough to replay the log after a crash. */
const READY_LIMIT_MS = 120_000;

/**
 * Waits until the server accepts connections to the database, which is created where it does not exist.
 *
 * @throws EmbeddedPostgresError as soon as the process ends, refuses the password, is told to stop, or takes too long.
 */
export async function untilReady(postmaster: Postmaster, target: Connection, stopping: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const refusal = await tryConnection(target);
    if (refusal === null) return;
    if (stopping.aborted) throw await postmaster.failure('PostgreSQL was stopped while it was starting', refusal);
    if (!postmaster.running) throw await postmaster.failure('PostgreSQL ended while it was starting', refusal);
    if (performance.now() > deadline) throw await postmaster.failure('PostgreSQL does not become ready', refusal);
    await handleRefusal(refusal, target);
    await delay(POLL_MS);
  }
}

async function handleRefusal(refusal: unknown, target: Connection): Promise<void> {
  const code = codeOf(refusal);
  if (code === '3D000') await createDatabase(target);
  if (code?.startsWith('28')) {
    throw new EmbeddedPostgresError(
      'DATA_DIR_UNUSABLE',
      'The database refuses the password kept in DATA_DIR: restore it',
      {
        cause: refusal,
      },
    );
  }
}

/** @returns null when it worked, or else what the driver said. */
async function tryConnection(target: Connection): Promise<unknown> {
  try {
    await withClient(target, (client) => client.query('SELECT 1'));
    return null;
  } catch (error) {
    return error;
  }
}

async function createDatabase(target: Connection): Promise<void> {
  await withClient({ ...target, database: 'postgres' }, (client) =>
    client.query(`CREATE DATABASE ${client.escapeIdentifier(target.database)}`),
  );
}

async function withClient(target: Connection, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ ...target, connectionTimeoutMillis: CONNECT_LIMIT_MS, query_timeout: 30_000 });
  // A connection that breaks fails the query in flight as well, and that is what is looked at.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end();
  }
}
