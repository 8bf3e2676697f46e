import { randomUUID } from 'node:crypto';
import { AnswerAssembler } from '@clarion/protocol';
import fc from 'fast-check';
import { type ChatClient, drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { redisIsHere, RedisServer } from '../support/redis-server';

/** Far less than the period in which nodes compare themselves with the log. */
const LIVE_MS = 700;
const TOKENS = 80;
/** A checkpoint, a snapshot after it, and time for a machine that is busy. */
const HEALED_MS = 5_000;

(redisIsHere() ? describe : describe.skip)('a user on two nodes', () => {
  let redis: RedisServer;
  let database: TestDatabase;
  let nodes: [ClarionApp, ClarionApp];

  beforeAll(async () => {
    [redis, database] = await Promise.all([RedisServer.start(), createTestDatabase()]);
    const start = () => ClarionApp.start({ database, env: { REDIS_URL: redis.url, CONNECTIONS_PER_USER: '3' } });
    nodes = [await start(), await start()];
  });

  afterEach(() => expect(nodes.flatMap((node) => node.closeClients())).toEqual([]));

  afterAll(async () => {
    for (const node of nodes) await node.dispose();
    await database.drop();
    await redis.kill();
  });

  const reached = ({ answers }: ChatClient, runId: string, word: string): true | undefined =>
    answers.get(runId)?.answer.includes(word) ? true : undefined;
  const newUser = () => `user-${randomUUID()}`;
  const gapless = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

  it('sees every event and every delta on both, in order and at once', async () => {
    const user = newUser();
    const [here, there] = await Promise.all([nodes[0].connect(user), nodes[1].connect(user, { device_id: 'phone' })]);
    for (let round = 0; round < 4; round += 1) {
      const writer = round % 2 === 0 ? here : there;
      const { run_id } = await writer.drill({ tokens: 20, per_second: 200, think: 1, tools: 1 });
      const ended = [here, there].map(async (client) => {
        await client.ended(run_id);
        return performance.now();
      });
      const [first = 0, second = 0] = await Promise.all(ended);
      expect(Math.abs(first - second)).toBeLessThan(LIVE_MS);
    }
    expect(there.events).toEqual(here.events);
    expect(here.events.map(({ seq }) => seq)).toEqual(gapless(here.events.length));
    expect(here.ephemeral('agent_delta').length).toBeGreaterThan(0);
    expect(there.ephemeral('agent_delta')).toEqual(here.ephemeral('agent_delta'));
  });

  it('goes from one to the other in mid-answer without a missing or doubled character, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: TOKENS - 20 }), fc.boolean(), async (cutAt, backwards) => {
        const user = newUser();
        const [from, to] = backwards ? [nodes[1], nodes[0]] : nodes;
        const before = await from.connect(user);
        const { run_id } = await before.drill({ tokens: TOKENS, per_second: 150 });
        await before.until(() => reached(before, run_id, `w${cutAt}`));
        const { cursor } = before;
        before.close();
        const after = await to.connect(user, { cursor });
        await after.ended(run_id);
        expectWhole(run_id, [before, after]);
      }),
      { numRuns: 8 },
    );
  });

  it('is shown all that an agent had written when it fell silent, on both, whenever they connect', async () => {
    const whole = drillWords(TOKENS);
    const last = TOKENS - 1;
    for (const cutAt of [20, 50, last, last, last, last, last, last]) {
      const user = newUser();
      const writer = await nodes[0].connect(user);
      const { run_id } = await writer.drill({
        tokens: 2 * TOKENS,
        per_second: 400,
        fail: { kind: 'hang', at_token: TOKENS },
      });
      await writer.until(() => reached(writer, run_id, `w${cutAt}`));
      const late = await Promise.all(nodes.map((node, at) => node.connect(user, { device_id: `late-${at}` })));
      const isWhole = (client: ChatClient) => client.answers.get(run_id)?.answer.trimEnd() === whole || undefined;
      await Promise.all(late.map((client) => client.until(() => isWhole(client), HEALED_MS, `all from w${cutAt} on`)));
      await writer.request('run_cancel', { run_id });
      writer.close();
      for (const client of late) client.close();
    }
  });

  it('loses nothing of an answer while Redis is away, and has it live again on both within 5 s of its return', async () => {
    const user = newUser();
    const clients = await Promise.all([nodes[0].connect(user), nodes[1].connect(user, { device_id: 'phone' })]);
    const { run_id } = await clients[0].drill({ tokens: 200, per_second: 40 });
    await Promise.all(clients.map((client) => client.until(() => reached(client, run_id, 'w9'))));
    await redis.kill();
    await Promise.any(clients.map((client) => client.until(() => reached(client, run_id, 'w40'))));
    await redis.restart();
    const returned = performance.now();
    await Promise.all(clients.map((client) => client.next('agent_delta', 5_000)));
    console.log(`live again on both ${Math.round(performance.now() - returned)} ms after the return of Redis`);
    for (const client of clients) {
      await client.ended(run_id);
      expectWhole(run_id, [client], 200);
    }
  });

  it('has one number of connections on both', async () => {
    const user = newUser();
    await Promise.all([nodes[0].connect(user), nodes[1].connect(user), nodes[0].connect(user)]);
    const { error } = await nodes[1].refusal({ token: await nodes[1].token(user) });
    expect(error).toMatchObject({ code: 1003, reason: 'CONNECTION_LIMIT', details: { limit: 3 } });
  });

  it('is let go of by both when it is erased', async () => {
    const user = newUser();
    const clients = [await nodes[0].connect(user), await nodes[1].connect(user, { device_id: 'phone' })];
    const gone = clients.map(({ socket }) => new Promise((resolve) => socket.once('disconnect', resolve)));
    const headers = { authorization: `Bearer ${await nodes[0].adminToken()}` };
    expect((await nodes[0].request(`/admin/api/users/${user}`, { method: 'DELETE', headers })).ok).toBe(true);
    expect(await Promise.all(gone)).toEqual(['io server disconnect', 'io server disconnect']);
    for (const client of clients) expect(client.ephemeral('error')[0]?.error.reason).toBe('USER_ERASED');
  });

  /** What a client built that kept its answers while it moved. */
  function expectWhole(runId: string, clients: readonly ChatClient[], tokens = TOKENS): void {
    const answers = new AnswerAssembler();
    const whole = drillWords(tokens);
    for (const { name, payload } of clients.flatMap(({ received }) => received)) {
      const state = answers.accept(name, payload);
      if (state === undefined) continue;
      expect(whole.startsWith(state.answer)).toBe(true);
      expect(state.missed).toBe(false);
    }
    expect(answers.get(runId)).toMatchObject({ answer: whole, ended: true });
    const events = clients.flatMap((client) => client.events);
    expect(events.map(({ seq }) => seq)).toEqual(gapless(events.length));
  }
});
