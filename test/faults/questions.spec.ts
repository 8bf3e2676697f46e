import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { disconnected, expectCompleted, expectGapless } from './load';

jest.setTimeout(60_000);

const REQUEST = { tokens: 40, per_second: 0, think: 1, ask: { prompt: 'Shall I go on?', at_token: 15 } };

describe('a question of an agent, with kill -9', () => {
  let clarion: ClarionProcess;
  let clients: ChatClient[];

  beforeEach(async () => {
    clients = [];
    clarion = await ClarionProcess.start();
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await clarion.dispose();
  });

  const connect = async (cursor?: string): Promise<ChatClient> => {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice'), cursor });
    clients.push(client);
    return client;
  };

  const killAndRestart = async (client: ChatClient): Promise<void> => {
    await Promise.all([clarion.crash(true), disconnected(client)]);
    clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
  };

  it.each([
    ['while it waits', false],
    ['as soon as its answer is acknowledged', true],
  ])('%s: it is answered once, and the answer of the run is exact', async (_when, answeredBefore) => {
    const before = await connect();
    const { run_id } = await before.drill(REQUEST);
    const { input_id } = (await before.until(() => before.of('input_required')[0])).data;
    expect(before.answers.get(run_id)?.answer).toBe(drillWords(15));
    const submission = { run_id, input_id, value: 'yes' };
    if (answeredBefore)
      expect(await before.request('input_submit', submission)).toEqual({ ok: true, duplicate: false });
    await killAndRestart(before);

    const after = await connect(before.cursor);
    if (!answeredBefore)
      expect(after.ephemeral('run_snapshot')).toMatchObject([
        { run_id, status: 'waiting', attempt: 1, text: drillWords(15), pending_input: { input_id } },
      ]);
    expect(await after.request('input_submit', submission)).toEqual({ ok: true, duplicate: answeredBefore });
    await after.ended(run_id);
    expectCompleted(after, run_id, drillWords(40));
    const events = [...before.events, ...after.events];
    expectGapless(events);
    expect(events.filter(({ type }) => type === 'input_resolved')).toMatchObject([{ data: { outcome: 'submitted' } }]);
    expect([...before.schemaProblems, ...after.schemaProblems]).toEqual([]);
  });
});
