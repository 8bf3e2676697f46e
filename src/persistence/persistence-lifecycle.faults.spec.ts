import { Client } from 'pg';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { loadConfig } from '../config';
import { classify, type FailureReporter } from '../errors';
import { MetricsRegistry, Repairs } from '../telemetry';
import { Database } from './database';
import { PersistenceLifecycle } from './persistence-lifecycle.service';
import { ProcessLock } from './process-lock';

const OPTIONS = { poolSize: 4, connectTimeoutMs: 500, statementTimeoutMs: 500 };
const LOCKS = `SELECT pid FROM pg_stat_activity WHERE application_name = 'clarion process lock' AND datname = current_database()`;

describe('bringing the database up', () => {
  let test: TestDatabase;
  const cleanups: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    test = await createTestDatabase();
    cleanups.push(() => test.drop());
  });

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const admin = async (statement: string, url = test.url): Promise<{ pid: number }[]> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(statement);
    await client.end();
    return rows;
  };

  const lifecycle = (url: string, env: Record<string, string> = {}) => {
    const database = new Database(OPTIONS);
    const reported: string[] = [];
    const fatal: unknown[] = [];
    const reporter = {
      report: (error: unknown) => Promise.resolve(reported.push(classify(error, 'Database').reason)),
    } as unknown as FailureReporter;
    const service = new PersistenceLifecycle(
      loadConfig({ DATABASE_URL: url, ...env }),
      database,
      reporter,
      new Repairs(new MetricsRegistry()),
    );
    cleanups.push(() => service.close());
    return { database, reported, fatal, service, open: () => service.open((error) => fatal.push(error)) };
  };

  const proxied = async () => {
    const proxy = await TcpProxy.before(test.url);
    cleanups.push(() => proxy.close());
    return { proxy, url: proxy.through(test.url) };
  };

  it('refuses a schema that is not migrated, where migrating is somebody else’s', async () => {
    const empty = await createEmptyDatabase();
    cleanups.push(() => empty.drop());
    const { open } = lifecycle(empty.url, { MIGRATE_ON_START: '0' });
    await expect(open()).rejects.toMatchObject({ reason: 'DATABASE_SCHEMA_OUTDATED' });
  });

  it('refuses a database that confirms commits before they are durable', async () => {
    await admin(`ALTER DATABASE ${new URL(test.url).pathname.slice(1)} SET synchronous_commit = off`);
    const { open } = lifecycle(test.url);
    await expect(open()).rejects.toMatchObject({ reason: 'DATABASE_NOT_DURABLE', definition: { retryable: false } });
  });

  it('waits for a database that is away at the start, and says so once', async () => {
    const { proxy, url } = await proxied();
    proxy.refuse();
    const { open, database, reported, fatal } = lifecycle(url);
    const down = new Promise((resolve) => database.onDown(resolve));
    await open();
    await down;
    expect(database.ready).toBe(false);
    const ready = new Promise<void>((resolve) => database.onReady(resolve));
    proxy.heal();
    await ready;
    expect(database.exclusive).toBe(true);
    expect(reported).toEqual(['DATABASE_UNAVAILABLE']);
    expect(fatal).toEqual([]);
  });

  it('takes the lock again when only the lock’s connection is lost', async () => {
    const { open, database, fatal } = lifecycle(test.url);
    await open();
    const [first] = await admin(LOCKS);
    await admin(`SELECT pg_terminate_backend(${first?.pid})`);
    while (database.exclusive) await new Promise((resolve) => setTimeout(resolve, 5));
    while (!database.exclusive) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(database.ready).toBe(true);
    expect(await admin(LOCKS)).toHaveLength(1);
    expect(fatal).toEqual([]);
  });

  it('outlives a database that comes and goes', async () => {
    const { proxy, url } = await proxied();
    const { open, database, fatal } = lifecycle(url);
    await open();
    for (let round = 0; round < 3; round += 1) {
      const ready = new Promise<void>((resolve) => {
        let down = false;
        database.onDown(() => (down = true));
        database.onReady(() => down && resolve());
      });
      proxy.refuse();
      await database.query('SELECT 1').catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      proxy.heal();
      if (database.ready) continue;
      await ready;
    }
    while (!database.exclusive) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fatal).toEqual([]);
  });

  it('ends the process that lost its lock to another', async () => {
    const { open, database, fatal } = lifecycle(test.url);
    await open();
    const other = new ProcessLock(1_000);
    const waiting = other.acquire(test.url);
    cleanups.push(() => other.release());
    const [first] = await admin(`${LOCKS} ORDER BY backend_start LIMIT 1`);
    await admin(`SELECT pg_terminate_backend(${first?.pid})`);
    expect(await waiting).toBe(true);
    while (fatal.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fatal[0]).toMatchObject({ reason: 'ANOTHER_PROCESS_RUNNING' });
    expect(database.exclusive).toBe(false);
  }, 20_000);

  describe('the process lock', () => {
    it('is not waited for by this very process, however often it asks', async () => {
      const lock = new ProcessLock(1_000);
      cleanups.push(() => lock.release());
      expect(await Promise.all(Array.from({ length: 5 }, () => lock.acquire(test.url)))).toEqual(Array(5).fill(true));
      expect(await admin(LOCKS)).toHaveLength(1);
    });

    it('is not held by a connection that answers no more', async () => {
      const { proxy, url } = await proxied();
      const lock = new ProcessLock(200);
      cleanups.push(() => lock.release());
      expect(await lock.acquire(url)).toBe(true);
      proxy.hang();
      await expect(lock.acquire(url)).rejects.toThrow();
      expect(lock.held).toBe(false);
      proxy.heal();
      expect(await lock.acquire(url)).toBe(true);
    });

    it('leaves nothing behind when it is released while it is being taken', async () => {
      const lock = new ProcessLock(1_000);
      const taking = lock.acquire(test.url);
      await Promise.all([taking, lock.release()]);
      expect(lock.held).toBe(false);
      while ((await admin(LOCKS)).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    });
  });

  describe('a transaction', () => {
    const connected = () => {
      const database = new Database(OPTIONS);
      cleanups.push(() => database.close());
      database.connect(test.url);
      database.markOpened();
      return database;
    };

    it('fails when one of its statements did, also if nobody looked', async () => {
      const told: string[] = [];
      const careless = connected().transaction(async (tx) => {
        tx.afterCommit(() => told.push('committed'));
        await Promise.allSettled([tx.query('SELECT 1/0')]);
      });
      await expect(careless).rejects.toMatchObject({ reason: 'DATABASE_QUERY_FAILED' });
      expect(told).toEqual([]);
    });

    it('goes on while the server takes no new connections', async () => {
      const name = new URL(test.url).pathname.slice(1);
      const role = `limited_${name.slice(-8)}`;
      await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x' CONNECTION LIMIT 1`);
      cleanups.push(async () => void (await admin(`DROP ROLE ${role}`)));
      const url = new URL(test.url);
      url.username = role;
      url.password = 'x';
      const limited = new Database(OPTIONS);
      cleanups.push(() => limited.close());
      limited.connect(url.href);
      limited.markOpened();
      const release = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const busy = limited.transaction(async (tx) => {
        begun.resolve();
        await release.promise;
        return tx.query('SELECT 1');
      });
      await begun.promise;
      await expect(limited.query('SELECT 1')).rejects.toMatchObject({ code: '53300' });
      const down: unknown[] = [];
      limited.onDown((cause) => down.push(cause));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(limited.ready).toBe(true);
      release.resolve();
      expect(await busy).toHaveLength(1);
      expect(await limited.query('SELECT 1')).toHaveLength(1);
      expect(down).toEqual([]);
    });
  });
});
