import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import type { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { MailboxStore } from '.';
import { EpochsStore } from './epochs.store';
import { InProcessBus } from './in-process-bus';

describe('the epochs of mailboxes', () => {
  let test: TestDatabase;
  let database: Database;
  let epochs: EpochsStore;

  beforeEach(async () => {
    test = await createTestDatabase();
    database = new Database({ poolSize: 8, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 });
    database.connect(test.url);
    database.markOpened();
    epochs = new EpochsStore(database);
    const mailbox = new MailboxStore(database, new InProcessBus({} as FailureReporter));
    for (const user of ['ann', 'Bob', 'Çelik']) await mailbox.open(user);
  });

  afterEach(async () => {
    await database.close();
    await test.drop();
  });

  const all = async () => {
    const rows = await database.query<{ user_id: string; epoch: string }>('SELECT user_id, epoch FROM mailboxes');
    return new Map(rows.map(({ user_id, epoch }) => [user_id, epoch]));
  };

  it('stay while the database is where it was', async () => {
    const before = await all();
    expect(await epochs.renewIfMoved()).toBe(false);
    expect(await epochs.renewIfMoved()).toBe(false);
    expect(await all()).toEqual(before);
  });

  it.each([
    ['restored on another server', `UPDATE database_identity SET system_identifier = '7'`],
    ['failed over to another timeline', 'UPDATE database_identity SET timeline = timeline + 1'],
  ])('change once, each to its own, when it was %s', async (_, statement) => {
    await epochs.renewIfMoved();
    const before = await all();
    await database.query(statement);
    const renewed = await Promise.all([epochs.renewIfMoved(), epochs.renewIfMoved(), epochs.renewIfMoved()]);
    expect(renewed.filter(Boolean)).toHaveLength(1);
    const after = await all();
    for (const [user, epoch] of after) {
      expect(epoch).toMatch(/^[A-Za-z0-9]{8,32}$/);
      expect(epoch).not.toBe(before.get(user));
    }
    expect(new Set(after.values()).size).toBe(3);
  });

  it('change for every one of many', async () => {
    await database.query(
      `INSERT INTO mailboxes (user_id, epoch) SELECT 'user' || n, 'old0000000' FROM generate_series(1, 4500) n`,
    );
    await epochs.renewIfMoved();
    await database.query('UPDATE database_identity SET timeline = timeline + 1');
    await epochs.renewIfMoved();
    expect([...(await all()).values()].filter((epoch) => epoch === 'old0000000')).toEqual([]);
  });
});
