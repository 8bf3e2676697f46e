import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { MailboxStore } from '../mailbox';
import { MessageIntake } from './message-intake.service';

describe('A message that reaches two processes at once', () => {
  let database: TestDatabase;
  let engines: Engine[];

  beforeAll(async () => {
    database = await createTestDatabase();
    engines = await Promise.all([Engine.start(database.url), Engine.start(database.url)]);
  });

  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await database.drop();
  });

  it('is accepted once, and both are given the same answer', async () => {
    for (let round = 0; round < 40; round += 1) {
      const [one, two] = await Promise.all(engines.map((engine) => engine.drill('ann', `m${round}`, { tokens: 0 })));
      expect(one).toEqual({ ...two, duplicate: !two?.duplicate });
    }
  });
});

describe('A message whose commit is not answered', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let engine: Engine;

  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await TcpProxy.before(database.url);
    engine = await Engine.start(proxy.through(database.url));
  });

  afterAll(async () => {
    proxy.heal();
    await engine.stop();
    await proxy.close();
    await database.drop();
  });

  it.each(['enqueue', 'interrupt'] as const)('(%s) is not refused as one that was not saved', async (overlap) => {
    const { thread_id } = await engine.drill('ann', `first-${overlap}`, { tokens: 0 });
    const finish = MailboxStore.prototype.appendAndCommit;
    const spy = jest.spyOn(MailboxStore.prototype, 'appendAndCommit').mockImplementation(function (
      this: MailboxStore,
      ...all
    ) {
      const [, , before] = all;
      // Runs write too, and put nothing before their events.
      if (before !== undefined) proxy.hang();
      return finish.apply(this, all);
    });
    const message = {
      client_message_id: `second-${overlap}`,
      content: '{"tokens":0}',
      agent: 'drill',
      thread_id,
      overlap,
    };
    const accepting = engine.app.get(MessageIntake).accept('ann', message);
    await expect(accepting).rejects.toMatchObject({ reason: 'DATABASE_TIMEOUT' });
    spy.mockRestore();
    const back = new Promise<void>((resolve) => engine.database.onReady(resolve));
    proxy.heal();
    await back;
    expect(await engine.app.get(MessageIntake).accept('ann', message)).toMatchObject({ thread_id });
  });
});
