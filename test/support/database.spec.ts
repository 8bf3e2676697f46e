import { Client } from 'pg';
import { createEmptyDatabase, createTestDatabase } from './database';

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe('databases for tests', () => {
  it('are migrated, and empty where that is asked for', async () => {
    const databases = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
    try {
      const found = await Promise.all(databases.map(({ url }) => query(url, `SELECT to_regclass('messages') AS name`)));
      expect(found).toEqual([[{ name: 'messages' }], [{ name: null }]]);
    } finally {
      await Promise.all(databases.map((database) => database.drop()));
    }
  });

  it('are created side by side and do not see each other', async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase()));
    try {
      await query(databases[0]!.url, 'CREATE TABLE only_here (id int)');
      const found = await Promise.all(
        databases.map(({ url }) => query(url, `SELECT to_regclass('only_here') AS name`)),
      );
      expect(found).toEqual([[{ name: 'only_here' }], [{ name: null }], [{ name: null }], [{ name: null }]]);
    } finally {
      await Promise.all(databases.map((database) => database.drop()));
    }
  });

  it('are dropped although somebody is still connected', async () => {
    const database = await createEmptyDatabase();
    const client = new Client({ connectionString: database.url });
    const closed = new Promise<Error>((resolve) => client.on('error', resolve));
    await client.connect();
    await database.drop();
    expect(await closed).toMatchObject({ code: '57P01' });
    await expect(query(database.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });
});
