import { once } from 'node:events';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { Database } from './database';
import { outcomeUnknown } from './outage';
import { prepared, type Sql, type Transaction } from './sql';

const OPTIONS = { poolSize: 4, connectTimeoutMs: 500, statementTimeoutMs: 500 };

describe('Database', () => {
  let real: TestDatabase;
  let proxy: TcpProxy;
  let database: Database;

  beforeEach(async () => {
    real = await createTestDatabase();
    proxy = await TcpProxy.before(real.url);
    database = new Database(OPTIONS);
    database.connect(proxy.through(real.url));
    database.markOpened();
  });

  afterEach(async () => {
    proxy.heal();
    await database.close();
    await proxy.close();
    await real.drop();
  });

  const threads = () => database.query<{ id: string }>('SELECT id FROM threads');
  const insert = `INSERT INTO threads (id, user_id) VALUES (gen_random_uuid(), 'ann')`;
  const returned = () => new Promise<void>((resolve) => database.onReady(resolve));

  it('commits what a transaction did and tells of it only then', async () => {
    const told: string[] = [];
    await database.transaction(async (tx) => {
      tx.afterCommit(() => told.push('committed'));
      await tx.query(insert);
      expect(told).toEqual([]);
    });
    expect(told).toEqual(['committed']);
    expect(await threads()).toHaveLength(1);
  });

  it('leaves nothing of a transaction that fails, tells nobody, and keeps the connection', async () => {
    const told: string[] = [];
    const failing = database.transaction(async (tx) => {
      tx.afterCommit(() => told.push('committed'));
      await tx.query(insert);
      throw new RangeError('ours');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(told).toEqual([]);
    expect(await threads()).toEqual([]);
    expect(database.ready).toBe(true);
  });

  it('commits nothing of statements that went together when one fails, and tells what that one failed for', async () => {
    const together = database.transaction((tx) =>
      Promise.all([tx.query(insert), tx.query('SELECT 1/0'), tx.query(insert)]),
    );
    await expect(together).rejects.toMatchObject({ code: '22012' });
    expect(await threads()).toEqual([]);
    await database.transaction((tx) => Promise.all([tx.query(insert), tx.query(insert)]));
    expect(await threads()).toHaveLength(2);
  });

  describe('a transaction that ends with its last statements', () => {
    const last = { text: `${insert} RETURNING user_id`, values: [] };
    const refused = { text: 'SELECT 1/0', values: [] };

    it('commits them together, gives the rows of each, and tells of it only then', async () => {
      const told: unknown[] = [];
      await database.transaction(async (tx) => {
        await tx.query(insert);
        told.push(await tx.finish([last, { text: 'SELECT $1::int AS n', values: [7] }]));
        tx.afterCommit(() => told.push('committed'));
      });
      expect(told).toEqual([[[{ user_id: 'ann' }], [{ n: 7 }]], 'committed']);
      expect(await threads()).toHaveLength(2);
    });

    it.each([
      ['the last', [last, refused]],
      ['another', [refused, last]],
    ])('commits nothing where %s fails, and knows that', async (_which, statements) => {
      const told: string[] = [];
      const failing = database.transaction(async (tx) => {
        tx.afterCommit(() => told.push('committed'));
        await tx.query(insert);
        await tx.finish(statements);
      });
      const [end] = await Promise.allSettled([failing]);
      if (end.status === 'fulfilled') throw new Error('a statement was refused');
      expect(end.reason).toMatchObject({ code: '22012' });
      expect([outcomeUnknown(end.reason), told, await threads()]).toEqual([false, [], []]);
    });

    it('knows that nothing was committed where the server ended the connection before', async () => {
      const ended = { text: 'SELECT pg_terminate_backend(pg_backend_pid())', values: [] };
      const [end] = await Promise.allSettled([database.transaction((tx) => tx.finish([last, ended]))]);
      expect(end).toMatchObject({ status: 'rejected', reason: { code: '57P01' } });
      await returned();
      expect(await threads()).toEqual([]);
    });

    it('fails as a whole also where its work goes on without what was refused', async () => {
      const told: string[] = [];
      const failing = database.transaction(async (tx) => {
        tx.afterCommit(() => told.push('committed'));
        await Promise.allSettled([tx.finish([last, refused])]);
      });
      await expect(failing).rejects.toMatchObject({ code: '22012' });
      expect([told, await threads()]).toEqual([[], []]);
    });

    it('takes nothing after them, which would be committed by itself', async () => {
      await database.transaction(async (tx) => {
        await tx.finish([last]);
        for (const late of [tx.query(insert), tx.read(insert), tx.finish([last])])
          await expect(late).rejects.toThrow('was finished');
      });
      expect(await threads()).toHaveLength(1);
    });

    it('gives each of them its time, and the commit too', async () => {
      const slow = { text: 'SELECT pg_sleep(0.4)', values: [] };
      await database.transaction((tx) => tx.finish([slow, last, slow]));
      expect(await threads()).toHaveLength(1);
    });

    it('does not know it where nothing was answered', async () => {
      const failing = database.transaction(async (tx) => {
        await tx.query(insert);
        proxy.hang();
        await tx.finish([last]);
      });
      const [end] = await Promise.allSettled([failing]);
      expect([end.status, end.status === 'rejected' && outcomeUnknown(end.reason)]).toEqual(['rejected', true]);
    });
  });

  it('reads first within the transaction, and changes nothing where that has not begun', async () => {
    const begun = 'SELECT now()::text AS at';
    const [first, then] = await database.transaction(async (tx) => [
      await tx.read(begun),
      await tx.query(insert).then(() => tx.query(begun)),
    ]);
    expect(first).toEqual(then);
    const refuse = Client.prototype.query as (...args: unknown[]) => unknown;
    const query = jest.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...args: unknown[]) {
      const [{ text }] = args as [{ text: string }];
      return refuse.apply(this, text === 'BEGIN' ? [{ text: 'BEGIN ISOLATION LEVEL NONE' }] : args);
    });
    const work = (tx: Transaction) => Promise.all([tx.read('SELECT 1'), tx.query(insert)]);
    await expect(database.transaction(work)).rejects.toMatchObject({ code: '42601' });
    query.mockRestore();
    expect(await threads()).toHaveLength(1);
  });

  it('keeps the SQLSTATE of what PostgreSQL refuses', async () => {
    await expect(database.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(database.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
  });

  it('has a connection keep a statement that runs often, and plan it each time', async () => {
    const often = prepared('SELECT count(*)::int AS threads FROM threads WHERE user_id = $1');
    const kept = await database.transaction(async (tx) => {
      for (let time = 0; time < 8; time += 1) expect(await tx.query(often, ['ann'])).toEqual([{ threads: 0 }]);
      return tx.query('SELECT generic_plans::int, custom_plans::int FROM pg_prepared_statements WHERE statement = $1', [
        often,
      ]);
    });
    expect(kept).toEqual([{ generic_plans: 0, custom_plans: 8 }]);
  });

  it('reads several things as of one moment in a snapshot', async () => {
    const counts = await database.snapshot(async (sql) => {
      const before = await sql.query('SELECT id FROM threads');
      await database.query(insert);
      return [before.length, (await sql.query('SELECT id FROM threads')).length];
    });
    expect(counts).toEqual([0, 0]);
    expect(await threads()).toHaveLength(1);
  });

  it('answers at once while the database refuses, and works again by itself', async () => {
    const down = new Promise<unknown>((resolve) => database.onDown(resolve));
    proxy.refuse();
    await expect(threads()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    await down;
    expect(database.ready).toBe(false);
    await expect(threads()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    const back = returned();
    proxy.heal();
    await back;
    expect(await threads()).toEqual([]);
  });

  it('gives up on a frozen database within its limits, and works again by itself', async () => {
    await threads();
    proxy.hang();
    const started = performance.now();
    await expect(threads()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    await expect(threads()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    expect(performance.now() - started).toBeLessThan(2_000);
    const back = returned();
    proxy.heal();
    await back;
    expect(await threads()).toEqual([]);
  });

  it('ends every wait of a frozen database at once, also for a connection of a full pool', async () => {
    const patient = new Database({ ...OPTIONS, connectTimeoutMs: 900, statementTimeoutMs: 10_000 });
    patient.connect(proxy.through(real.url));
    await patient.query('SELECT 1');
    proxy.hang();
    const began = performance.now();
    const waits = await Promise.allSettled(
      Array.from({ length: 3 * OPTIONS.poolSize }, () => patient.transaction((tx) => tx.query('SELECT 1'))),
    );
    expect(performance.now() - began).toBeLessThan(2_000);
    const away = { status: 'rejected', reason: { reason: 'DATABASE_UNAVAILABLE' } };
    expect(waits).toMatchObject(waits.map(() => away));
    const errors = waits.map((wait) => wait.status === 'rejected' && (wait.reason as Error));
    expect(new Set(errors).size).toBe(waits.length); // nobody gets somebody else's failure
    await patient.close();
  });

  it.each([
    ['a commit that is not answered', true, async () => undefined],
    ['a statement that is not answered', false, (tx: Sql) => tx.query('SELECT 1')],
  ])('tells whether %s leaves open what became of the transaction', async (_what, open, last) => {
    const work = database.transaction(async (tx) => {
      await tx.query(insert);
      proxy.hang();
      await last(tx);
    });
    const [end] = await Promise.allSettled([work]);
    expect(end).toMatchObject({ status: 'rejected', reason: { reason: 'DATABASE_UNAVAILABLE' } });
    expect(outcomeUnknown(end.status === 'rejected' && end.reason)).toBe(open);
  });

  it('tells a full pool from a database that is away', async () => {
    const release = Promise.withResolvers<void>();
    const busy = Array.from({ length: OPTIONS.poolSize }, () => database.transaction(() => release.promise));
    await expect(threads()).rejects.toMatchObject({ reason: 'DATABASE_CAPACITY' });
    expect(database.ready).toBe(true);
    release.resolve();
    await Promise.all(busy);
    expect(await threads()).toEqual([]);
  });

  it('takes a slow handshake for no outage while statements are answered', async () => {
    const outages: unknown[] = [];
    database.onDown((cause) => outages.push(cause));
    await Promise.all([threads(), threads()]);
    const hanging = proxy.hangNew();
    // What breaks makes it ask on a connection of its own, whose time runs out.
    const broken = expect(database.query(`SELECT pg_terminate_backend(pg_backend_pid())`)).rejects.toThrow();
    const asked = (async () => once(await hanging, 'close'))().then(() => (over = true));
    let over = false;
    while (!over) expect(await threads()).toEqual([]);
    await Promise.all([asked, broken]);
    expect({ ready: database.ready, outages }).toEqual({ ready: true, outages: [] });
  });

  it('survives the end of an idle connection', async () => {
    await threads();
    const admin = await createAdmin(real.url);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clarion' AND datname = current_database()`,
    );
    await admin.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await Promise.any([threads(), threads()])).toEqual([]);
  });

  it('lets one process hold the lock, and the next one have it when that is gone', async () => {
    const other = new Database(OPTIONS);
    expect(await database.acquireProcessLock(proxy.through(real.url))).toBe(true);
    const waiting = other.acquireProcessLock(real.url);
    proxy.cut();
    expect(await waiting).toBe(true);
    expect(other.exclusive).toBe(true);
    await other.close();
  });

  it('lets processes that share the database hold the lock together, and none beside them that does not', async () => {
    const [one, two] = [new Database({ ...OPTIONS, shared: true }), new Database({ ...OPTIONS, shared: true })];
    expect(await one.acquireProcessLock(real.url)).toBe(true);
    expect(await two.acquireProcessLock(real.url)).toBe(true);
    expect(two.exclusive).toBe(false);
    const alone = database.acquireProcessLock(real.url);
    const settled = jest.fn();
    void alone.then(settled);
    await one.close();
    expect(settled).not.toHaveBeenCalled();
    await two.close();
    expect(await alone).toBe(true);
  });
});

async function createAdmin(url: string): Promise<Database> {
  const admin = new Database({ ...OPTIONS, poolSize: 2 });
  admin.connect(url);
  await admin.query(`SET application_name = 'admin'`);
  return admin;
}
