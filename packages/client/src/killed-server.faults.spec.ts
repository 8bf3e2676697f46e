import { ClarionProcess } from '../../../test/support/clarion-process';
import { read, Recorded, words } from './recorded-client.fixture';
import { until } from './scripted-server.fixture';
import { memoryStore } from './store';

describe('the client and a server that is killed', () => {
  it('has the exact answer and each event once when the server returns, and its unsent message is sent', async () => {
    const before = await ClarionProcess.start();
    const { dataDir, port, url } = before;
    let server = before;
    const store = memoryStore();
    const recorded = new Recorded({ url, store, token: () => server.token('ann') });
    try {
      await recorded.client.connect();
      const run = recorded.drill({ tokens: 200, per_second: 100 });
      await until(() => run.answer.length > 100);
      await before.crash(true);
      const later = recorded.drill({ tokens: 3 });
      server = await ClarionProcess.start({ dataDir, port });
      const [shown, final] = await Promise.all([read(run), run.final]);
      expect(final).toMatchObject({ status: 'completed', content: words(200) });
      expect(shown).toBe(words(200));
      expect(await later.final).toMatchObject({ status: 'completed', content: words(3) });
      await until(() => recorded.of('agent_completed').length === 2);
      recorded.expectGapless();
      expect(recorded.of('agent_recovering').length).toBeGreaterThan(0);
      expect(recorded.of('message_created')).toHaveLength(2);
    } finally {
      await recorded.client.close();
      await server.dispose();
    }
  });
});
