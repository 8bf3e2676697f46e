import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';

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
