import { setImmediate as turn } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { startTestPostgres } from '../../test/support/test-postgres';
import { loadConfig } from '../config';
import { ComponentError } from '../errors';
import { Database } from './database';
import { DatabaseIndicator } from './database.indicator';
import type { PersistenceLifecycle } from './persistence-lifecycle.service';

const POOL_SIZE = 2;

function connected(url: string): { database: Database; indicator: DatabaseIndicator } {
  const database = new Database({ poolSize: POOL_SIZE, connectTimeoutMs: 5_000, statementTimeoutMs: 5_000 });
  const config = loadConfig({ DATABASE_URL: url });
  const indicator = new DatabaseIndicator(
    database,
    { connectionUrl: url, dataDirectory: null } as PersistenceLifecycle,
    config,
  );
  database.connect(url);
  database.markOpened();
  return { database, indicator };
}

describe('the health of the database', () => {
  let test: TestDatabase;
  const open: Database[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((database) => database.close()));
  });

  afterAll(() => test.drop());

  function connect(url: string) {
    const both = connected(url);
    open.push(both.database);
    return both;
  }

  it('is good when PostgreSQL answers', async () => {
    const { port, hostname } = new URL(test.url);
    const { indicator } = connect(test.url);
    expect(await indicator.check()).toEqual({
      status: 'healthy',
      details: {
        server: `${hostname}:${port}`,
        embedded: false,
        round_trip_ms: expect.any(Number),
        pool: { active: 0, waiting: 0, limit: POOL_SIZE },
      },
    });
  });

  it('is in doubt after a statement that found no room, until one that needs some is taken', async () => {
    const { database, indicator } = connect(test.url);
    const refused = database.query(`DO $$ BEGIN RAISE 'no room' USING ERRCODE = '53100'; END $$`);
    await expect(refused).rejects.toMatchObject({ code: '53100' });
    expect(database.full).toBe(true);
    const taking = jest
      .spyOn(database, 'transaction')
      .mockRejectedValueOnce(ComponentError.database('DATABASE_DISK_FULL'));
    const { hostname, port } = new URL(test.url);
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      problem: `PostgreSQL has no room left on its disk (${hostname}:${port})`,
      suggestion: 'make room on the disk of PostgreSQL; it goes on by itself',
    });
    taking.mockRestore();
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
    expect(database.full).toBe(false);
  });

  it('is bad until the schema is in place', async () => {
    const database = new Database({ poolSize: POOL_SIZE, connectTimeoutMs: 5_000, statementTimeoutMs: 5_000 });
    open.push(database);
    const lifecycle = { connectionUrl: test.url } as PersistenceLifecycle;
    const indicator = new DatabaseIndicator(database, lifecycle, loadConfig({ DATABASE_URL: test.url }));
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
    database.connect(test.url);
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      cause: { reason: 'DATABASE_SCHEMA_OUTDATED' },
      suggestion: expect.stringContaining('npm run migrate'),
    });
  });

  it('names host and port of a server that is stopped, and no password', async () => {
    const postgres = await startTestPostgres();
    const url = new URL(postgres.url);
    url.password = 'hunter2';
    const { database, indicator } = connect(url.href);
    expect(await indicator.check()).toMatchObject({ status: 'healthy' });
    const down = new Promise((resolve) => database.onDown(resolve));
    await postgres.stop();
    await down;
    const stopped = `PostgreSQL refuses connections at ${url.hostname}:${url.port}`;
    let found = await indicator.check();
    // While the server is still stopping it says that first.
    while (!('problem' in found) || found.problem !== stopped) {
      await turn();
      found = await indicator.check();
    }
    expect(found).toMatchObject({
      status: 'failed',
      suggestion: 'check that it runs',
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  it('is in doubt where PostgreSQL comes and goes, though it is there whenever somebody looks', async () => {
    const proxy = await TcpProxy.before(test.url);
    const { database, indicator } = connect(proxy.through(test.url));
    for (let outage = 0; outage < 3; outage += 1) {
      await database.query('SELECT 1');
      const down = new Promise((resolve) => database.onDown(resolve));
      proxy.refuse();
      await Promise.allSettled([database.query('SELECT 1'), down]);
      proxy.heal();
      await new Promise<void>((resolve) => database.onReady(resolve));
    }
    expect(await indicator.check()).toMatchObject({
      status: 'degraded',
      problem: expect.stringContaining('comes and goes'),
      cause: { reason: 'DATABASE_UNAVAILABLE' },
    });
    await proxy.close();
  });

  it('is a timeout when nobody answers in time', () => {
    const { host } = new URL(test.url);
    const { indicator } = connect(test.url);
    expect(indicator.unanswered()).toMatchObject({
      status: 'failed',
      problem: `PostgreSQL does not answer at ${host}`,
      suggestion: 'check that it runs',
      cause: { reason: 'DATABASE_TIMEOUT' },
    });
  });

  it('says that a database does not exist', async () => {
    const url = new URL(test.url);
    url.pathname = '/nowhere';
    const { indicator } = connect(url.href);
    expect(await indicator.check()).toMatchObject({
      status: 'failed',
      problem: expect.stringMatching(/^PostgreSQL has no such database at /),
    });
  });

  /** Checks while all connections are held, behind statements of `queuedMs`, with more statements behind it than there are connections. */
  async function checkInCrowd(queuedMs: number) {
    const { database, indicator } = connect(test.url);
    const full = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    let held = 0;
    const holders = Array.from({ length: POOL_SIZE }, () =>
      database.transaction(async () => {
        held += 1;
        if (held === POOL_SIZE) full.resolve();
        await holding.promise;
      }),
    );
    await full.promise;
    const sleep = (ms: number) => database.query('SELECT pg_sleep($1)', [ms / 1000]);
    const before = queuedMs === 0 ? [] : Array.from({ length: POOL_SIZE }, () => sleep(queuedMs));
    const checking = indicator.check();
    const behind = Array.from({ length: 3 * POOL_SIZE }, () => sleep(200));
    holding.resolve();
    const found = await checking;
    await Promise.all([...holders, ...before, ...behind]);
    return found;
  }

  it('suffers when more statements wait than there are connections, and wait long', async () => {
    expect(await checkInCrowd(400)).toMatchObject({ status: 'degraded', cause: { reason: 'DATABASE_CAPACITY' } });
  });

  it('does not suffer from a burst of statements', async () => {
    expect(await checkInCrowd(0)).toMatchObject({ status: 'healthy' });
  });
});
