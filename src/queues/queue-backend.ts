import { setTimeout as delay } from 'node:timers/promises';
import {
  assertSchemaCompatibility,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  type Job,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
  withBackend,
} from 'bullmq';
import { Client, Pool } from 'pg';
import { ComponentError } from '../errors';
import { QUEUE_NAMES } from './queue-definitions';

const CONNECT_TIMEOUT_MS = 1_500;
const STATEMENT_TIMEOUT_MS = 5_000;
const MIGRATION_TIMEOUT_MS = 60_000;
const QUERY_CONNECTIONS = 10;
const FETCH_AGAIN_MS = 200;
const CHECK_AGAIN_MS = 500;

/** BullMQ on the backend that Clarion runs it on, chosen here and nowhere else: PostgreSQL. */
const { Queue: HostedQueue, Worker } = withBackend(createPostgresBackend);
export { HostedQueue };
export type HostedQueue = InstanceType<typeof HostedQueue>;

/** BullMQ's worker with other pauses after a failure. */
export class BackendWorker extends Worker {
  /** BullMQ asks again at once after a failure that is no refused connection, thousands of times a second. */
  protected override async moveToActive(token: string, name?: string): Promise<Job> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await delay(FETCH_AGAIN_MS);
      throw error;
    }
  }

  /** BullMQ pauses for 5 s, in which nobody looks for the jobs that an outage has left without a worker. */
  protected override checkConnectionError<T>(work: () => Promise<T>, delayMs = CHECK_AGAIN_MS): Promise<T | undefined> {
    return super.checkConnectionError(work, delayMs);
  }
}

/** The connections that all queues and workers of this process share. */
export type QueueConnections = Pool;

/** @param onError hears of every connection that breaks, idle or not; it must not throw */
export function connectQueues(url: string, onError: (error: Error) => void): QueueConnections {
  const pool = new Pool({
    connectionString: url,
    options: `-c search_path=${DEFAULT_SCHEMA}`,
    // Every worker keeps one connection for LISTEN.
    max: QUERY_CONNECTIONS + QUEUE_NAMES.length,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'clarion queues',
  });
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  // Every queue and worker listens too, and a replaced worker never stops to.
  pool.setMaxListeners(0);
  return pool;
}

/** Brings the schema of the queues up to date; gives its version. */
export function migrateQueues(url: string): Promise<number> {
  return withClient(url, (client) => runMigrations(client));
}

/** @throws ComponentError DATABASE_SCHEMA_OUTDATED when the schema of the queues is not the one that this version needs */
export async function assertQueueSchema(url: string): Promise<void> {
  const found = await withClient(url, schemaVersion);
  if (typeof found === 'number' && found >= LATEST_SCHEMA_VERSION) return;
  const cause = typeof found === 'number' ? undefined : found;
  throw ComponentError.database('DATABASE_SCHEMA_OUTDATED', { cause, details: { schema: DEFAULT_SCHEMA } });
}

async function schemaVersion(client: Client): Promise<number | Error> {
  try {
    return await assertSchemaCompatibility(client);
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError || error instanceof SchemaVersionMismatchError) return error;
    throw error;
  }
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: MIGRATION_TIMEOUT_MS,
    application_name: 'clarion queues',
  });
  // A connection that breaks rejects what was asked of it; without a listener it would end the process as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}
