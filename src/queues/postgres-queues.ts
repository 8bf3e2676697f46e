import {
  assertSchemaCompatibility,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
} from 'bullmq';
import { Client, Pool } from 'pg';
import { ComponentError } from '../errors';
import type { QueueConnections } from './bull';
import { QueueBackend } from './queue-backend';
import { QUEUE_NAMES } from './queue-definitions';

const CONNECT_TIMEOUT_MS = 1_500;
/** Whoever waits for an answer has a limit of its own. What BullMQ does by itself had better come late than fail: a lock that is not renewed is lost. */
const POOL_TIMEOUT_MS = 5_000;
const KEEP_IDLE_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const MIGRATION_TIMEOUT_MS = 60_000;
const QUERY_CONNECTIONS = 10;

interface PostgresQueuesOptions {
  /** Where PostgreSQL is, as soon as that is known. */
  readonly url: () => string;
  readonly migrate: boolean;
}

/** The queues in PostgreSQL, in a schema of their own. */
export class PostgresQueues extends QueueBackend {
  override readonly kind = 'postgres';

  constructor(private readonly options: PostgresQueuesOptions) {
    super();
  }

  /** An outage of PostgreSQL is what the room `persistence` tells of; to look for jobs meanwhile harms nothing. */
  override get ready(): boolean {
    return true;
  }

  override onReady(): void {}

  /** @throws ComponentError DATABASE_SCHEMA_OUTDATED, or what the connection throws */
  override async prepare(): Promise<void> {
    if (this.options.migrate) await migrateQueues(this.options.url());
    else await assertQueueSchema(this.options.url());
  }

  override connect(onError: (error: Error) => void): QueueConnections {
    const pool = new Pool({
      connectionString: this.options.url(),
      // Jobs are wake-ups: a crash of PostgreSQL that loses the last of them delays what they wake, and taking one need not wait for the disk.
      options: `-c search_path=${DEFAULT_SCHEMA} -c synchronous_commit=off`,
      // Every worker keeps one connection for LISTEN.
      max: QUERY_CONNECTIONS + QUEUE_NAMES.length,
      connectionTimeoutMillis: POOL_TIMEOUT_MS,
      idleTimeoutMillis: KEEP_IDLE_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'clarion queues',
    });
    pool.on('error', onError);
    pool.on('connect', (client) => client.on('error', onError));
    // Every queue and worker listens too, and a replaced worker never stops to.
    pool.setMaxListeners(0);
    const factory = createPostgresBackend as QueueConnections['factory'];
    return { connection: pool, factory, end: () => pool.end() };
  }
}

/** Brings the schema of the queues up to date; gives its version. */
export function migrateQueues(url: string): Promise<number> {
  return withClient(url, (client) => runMigrations(client));
}

async function assertQueueSchema(url: string): Promise<void> {
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
