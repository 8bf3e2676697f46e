import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

export const TEMPLATE_DATABASE = 'clarion_template';

export interface TestDatabase {
  readonly url: string;
  /** Removes the database, ending connections that are still open. */
  drop(): Promise<void>;
}

/** A fresh, migrated database on the PostgreSQL of this test run, in about 50 to 120 ms. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(adminUrl(), TEMPLATE_DATABASE);
}

/** A fresh database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase(adminUrl(), 'template0');
}

/** URL of the administrator on the PostgreSQL that Jest's global setup has started. */
export function adminUrl(): string {
  const url = process.env.CLARION_TEST_POSTGRES;
  if (!url)
    throw new Error('CLARION_TEST_POSTGRES is not set: this runs below Jest, whose global setup starts PostgreSQL');
  return url;
}

/** Runs one statement as the administrator, outside of any transaction. */
export async function administrate(admin: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: admin, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export function databaseUrl(admin: string, name: string): string {
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return url.href;
}

async function createDatabase(admin: string, template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administrate(admin, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url: databaseUrl(admin, name),
    drop: () => administrate(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

/** Rows of a database, on a connection of its own. */
export async function rowsOf<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 20_000 });
  client.on('error', () => undefined); // the query in flight fails as well
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}
