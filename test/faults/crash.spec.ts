import { randomUUID } from 'node:crypto';
import type { DurableEvent } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { disconnected, expectCompleted, expectGapless } from './load';

jest.setTimeout(60_000);

const TAKEOVER_LIMIT_MS = 5_000;
const MAX_ATTEMPTS = 3;

describe('a process that is killed in mid-run', () => {
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

  async function connect(user: string, cursor?: string): Promise<ChatClient> {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token(user), cursor });
    clients.push(client);
    return client;
  }

  async function restart(): Promise<void> {
    clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
  }

  it.each([
    ['with its PostgreSQL', true],
    ['alone, leaving PostgreSQL an orphan', false],
  ])(
    '%s: the next start ends the run once, with the exact text, and the client misses nothing',
    async (_what, postgresToo) => {
      const before = await connect('alice');
      const { run_id } = await before.drill({ tokens: 60, per_second: 40, think: 1, tools: 1 });
      await before.until(() => (before.answers.get(run_id)?.answer.length ?? 0) > 30 || undefined);
      const { cursor } = before;
      await Promise.all([clarion.crash(postgresToo), disconnected(before)]);

      await restart();
      const readyAt = performance.now();
      const after = await connect('alice', cursor);
      await after.until(() => after.of('agent_recovering')[0]);
      const takeover = performance.now() - readyAt;
      await after.ended(run_id);

      console.log(`killed ${_what}: taken over ${Math.round(takeover)} ms after ready`);
      expect(takeover).toBeLessThan(TAKEOVER_LIMIT_MS);
      expect(after.of('agent_recovering')).toEqual([
        expect.objectContaining({
          run_id,
          attempt: 2,
          critical: true,
          data: {
            agent: 'drill',
            keep_index: 0,
            error: expect.objectContaining({ code: 1008, reason: 'WORKER_LOST' }),
          },
        }),
      ]);
      expectGapless([...before.events, ...after.events]);
      expectCompleted(after, run_id, drillWords(60));
      const late = await connect('alice', after.events.at(-2)?.id);
      expect(late.events).toEqual([{ ...after.events.at(-1), recovered: true }]);
      const { body } = await clarion.get(
        `/admin/api/errors/${after.of('agent_recovering')[0]?.data.error.support_code}`,
        await clarion.token('root', true),
      );
      expect(body).toMatchObject({ reason: 'WORKER_LOST', run_id });
      expect([...before.schemaProblems, ...after.schemaProblems]).toEqual([]);
    },
  );

  it.each([
    ['while its run waits for the user', false],
    ['as soon as the reply of the user is acknowledged', true],
  ])('%s: the question is answered once, and the answer is exact', async (_when, answeredBefore) => {
    const before = await connect('alice');
    const { run_id } = await before.drill({
      tokens: 40,
      per_second: 0,
      ask: { prompt: 'Shall I go on?', at_token: 15 },
    });
    const { input_id } = (await before.until(() => before.of('input_required')[0])).data;
    expect(before.answers.get(run_id)?.answer).toBe(drillWords(15));
    const submission = { run_id, input_id, value: 'yes' };
    if (answeredBefore)
      expect(await before.request('input_submit', submission)).toEqual({ ok: true, duplicate: false });
    await Promise.all([clarion.crash(true), disconnected(before)]);
    await restart();

    const after = await connect('alice', before.cursor);
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

  it('by its own run, again and again: the run fails when its attempts are used up, once', async () => {
    const before = await connect('alice');
    const { run_id } = await before.drill({ tokens: 30, per_second: 100, fail: { kind: 'crash', at_token: 10 } });
    await Promise.all([clarion.exit(), disconnected(before)]);
    for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) {
      clarion = await ClarionProcess.spawn({ dataDir: clarion.dataDir });
      expect(await clarion.exit()).toBeNull();
    }
    await restart();
    const after = await connect('alice', before.cursor);
    const end = await after.ended(run_id);
    const events = [...before.events, ...after.events];

    expect(end).toMatchObject({
      type: 'agent_failed',
      attempt: MAX_ATTEMPTS,
      data: { error: { code: 1008, reason: 'RUN_ATTEMPTS_EXHAUSTED', run_id } },
    });
    expect(drillWords(30)).toContain((end as DurableEvent<'agent_failed'>).data.content);
    expect(events.filter(({ type }) => TERMINAL_EVENTS.has(type))).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'agent_recovering').map(({ attempt }) => attempt)).toEqual([2, 3]);
    expectGapless(events);
    const answer = await after.request('run_get', { run_id });
    expect(answer).toMatchObject({ ok: true, run: { status: 'failed', attempt: MAX_ATTEMPTS } });
    await expectAlive(after);
  });

  /** The run that killed its workers has not taken the process's other work with it. */
  async function expectAlive(client: ChatClient): Promise<void> {
    const { run_id } = await client.drill({ tokens: 5, per_second: 0 }, { client_message_id: randomUUID() });
    await client.ended(run_id);
    expectCompleted(client, run_id, drillWords(5));
  }
});
