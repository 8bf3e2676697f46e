import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { MessageBatch } from './message-batch.service';
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
    const accept = MessageBatch.prototype.accept;
    const spy = jest.spyOn(MessageBatch.prototype, 'accept').mockImplementation(async function (
      this: MessageBatch,
      ...all
    ) {
      const outcomes = await accept.apply(this, all);
      proxy.hang();
      return outcomes;
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
