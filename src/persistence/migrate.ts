import { DataSource } from 'typeorm';
import * as entities from './entities';
import * as migrations from './migrations';

const CONNECT_TIMEOUT_MS = 5_000;
/** Key of the advisory lock of who migrates. An arbitrary constant, besides that of the process lock. */
const MIGRATION_KEY = 47_111_006;

/** Opens TypeORM for `work` on the schema, and closes it again. At run time statements go through `Database`. */
async function withDataSource<T>(url: string, work: (dataSource: DataSource) => Promise<T>): Promise<T> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    entities: Object.values(entities),
    migrations: Object.values(migrations),
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: { max: 2 },
  });
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** Applies pending migrations and gives their names. Processes that start at the same time wait for each other. */
export async function migrate(url: string): Promise<string[]> {
  return withDataSource(url, async (dataSource) => {
    const turn = dataSource.createQueryRunner();
    try {
      await turn.query('SELECT pg_advisory_lock($1)', [MIGRATION_KEY]);
      return (await dataSource.runMigrations()).map(({ name }) => name);
    } finally {
      // With the last connection the lock ends as well.
      await turn.release();
    }
  });
}

/** True when the schema is older than the code. */
export async function hasPendingMigrations(url: string): Promise<boolean> {
  return withDataSource(url, (dataSource) => dataSource.showMigrations());
}

/** The statements that would bring the schema to what the entities declare; none when migrations and entities agree. */
export async function schemaDifference(url: string): Promise<{ up: string[]; down: string[] }> {
  return withDataSource(url, async (dataSource) => {
    const log = await dataSource.driver.createSchemaBuilder().log();
    return { up: log.upQueries.map(({ query }) => query), down: log.downQueries.map(({ query }) => query) };
  });
}
