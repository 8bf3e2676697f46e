import { createTestDatabase, type TestDatabase } from '../../../test/support/database';
import { ClarionProcess } from '../../../test/support/clarion-process';
import { TcpProxy } from '../../../test/support/tcp-proxy';
import type { ClarionClientOptions, RunQuestion } from './options';
import { read, Recorded, words } from './recorded-client.fixture';
import { until } from './scripted-server.fixture';
import { memoryStore } from './store';

describe('the client and a real server', () => {
  let database: TestDatabase;
  let toDatabase: TcpProxy;
  let clarion: ClarionProcess;
  let proxy: TcpProxy;
  let users = 0;
  const open: Recorded[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    toDatabase = await TcpProxy.before(database.url);
    clarion = await ClarionProcess.start({ env: { DATABASE_URL: toDatabase.through(database.url) } });
    proxy = await TcpProxy.before(clarion.url);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map(({ client }) => client.close()));
  });

  afterAll(async () => {
    await clarion.dispose();
    await Promise.all([proxy.close(), toDatabase.close()]);
    await database.drop();
  });

  const newUser = (): string => `user-${(users += 1)}`;

  function newClient(user: string, more: Partial<ClarionClientOptions> = {}): Recorded {
    const recorded = new Recorded({ url: proxy.through(clarion.url), token: () => clarion.token(user), ...more });
    open.push(recorded);
    return recorded;
  }

  it('sends a message and reads its answer, by iterating, by listening and at the end', async () => {
    const recorded = newClient(newUser());
    const { client } = recorded;
    const names: string[] = [];
    client.on('message_created', ({ data }) => names.push(`created ${data.client_message_id}`));
    client.on('agent_completed', ({ data }) => names.push(`completed ${data.content}`));
    await client.connect();
    const run = recorded.drill({ tokens: 50, per_second: 500, think: 1, tools: 1 });
    let heard = '';
    run.onDelta(({ index, text }) => (heard = heard.slice(0, index) + text));
    const [shown, { runId, duplicate }, final] = await Promise.all([read(run), run.accepted, run.final]);
    expect([shown, heard, run.answer, final.content]).toEqual(Array(4).fill(words(50)));
    expect(final).toMatchObject({ status: 'completed', runId, error: null });
    expect(duplicate).toBe(false);
    expect(names).toEqual([`created ${run.clientMessageId}`, `completed ${words(50)}`]);
    recorded.expectGapless();
    expect(recorded.problems).toEqual([]);
  });

  it('continues an answer exactly when the connection is cut in the middle, again and again', async () => {
    const recorded = newClient(newUser());
    await recorded.client.connect();
    const run = recorded.drill({ tokens: 300, per_second: 200, think: 1, tools: 1 });
    let cutAt = 20;
    run.onDelta(({ answer }) => {
      if (answer.length < cutAt) return;
      cutAt += 250;
      proxy.cut();
    });
    const [shown, final] = await Promise.all([read(run), run.final]);
    expect(cutAt).toBeGreaterThan(700);
    expect(final.content).toBe(words(300));
    expect(shown).toBe(final.content);
    recorded.expectGapless();
    expect(recorded.of('agent_completed')).toHaveLength(1);
  });

  it('sends after a reload what was written before it, once', async () => {
    const user = newUser();
    const store = memoryStore();
    const before = newClient(user, { store, url: 'http://127.0.0.1:1', storeKey: 'tab' });
    const ids = ['one', 'two'].map((content) => before.client.send(content, { agent: 'drill' }).clientMessageId);
    await before.client.close();

    const after = newClient(user, { store, storeKey: 'tab' });
    const restored = await after.client.restore();
    expect(restored.map(({ clientMessageId, content }) => [clientMessageId, content])).toEqual([
      [ids[0], 'one'],
      [ids[1], 'two'],
    ]);
    await after.client.connect();
    for (const { accepted } of restored) expect(await accepted).toMatchObject({ duplicate: false });
    await Promise.all(restored.map(({ final }) => final));
    await until(() => after.of('agent_completed').length + after.of('agent_failed').length === 2);
    await after.client.close();

    expect(await newClient(user, { store, storeKey: 'tab' }).client.restore()).toEqual([]);
    expect(after.of('message_created').map(({ data }) => data)).toMatchObject([{ content: 'one' }, { content: 'two' }]);
  });

  it('learns after a reload what became of a message whose acknowledgement it never saw', async () => {
    const user = newUser();
    const store = memoryStore();
    const before = newClient(user, { store, storeKey: 'tab' });
    await before.client.connect();
    const frozen = memoryStore();
    const run = before.drill({ tokens: 5 });
    await frozen.set('tab:outbox', (await store.get('tab:outbox')) ?? '');
    await run.final;
    await until(() => before.of('agent_completed').length === 1);
    await before.client.close();
    // The reload kept the place of the reader and lost what was acknowledged.
    await frozen.set('tab:cursor', (await store.get('tab:cursor')) ?? '');

    const after = newClient(user, { store: frozen, storeKey: 'tab' });
    const [again] = await after.client.restore();
    await after.client.connect();
    expect(await again?.accepted).toEqual({ ...(await run.accepted), duplicate: true });
    expect(await again?.final).toMatchObject({ status: 'completed', content: words(5) });
    expect(after.events).toEqual([]);
  });

  it('sends a message exactly once when the database was away, and says so meanwhile', async () => {
    const recorded = newClient(newUser());
    await recorded.client.connect();
    toDatabase.refuse();
    const run = recorded.drill({ tokens: 3 });
    await until(() => recorded.problems.length > 0, 15_000);
    expect(recorded.problems[0]).toMatchObject({ code: 1005, retryable: true });
    toDatabase.heal();
    expect(await run.final).toMatchObject({ status: 'completed', content: words(3) });
    await until(() => recorded.of('agent_completed').length === 1);
    expect(recorded.of('message_created')).toMatchObject([{ data: { client_message_id: run.clientMessageId } }]);
    recorded.expectGapless();
    const codes = recorded.problems.map(({ support_code }) => support_code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('stops where the server will never let it in, and shows the notification with its support code', async () => {
    const { client, problems } = newClient(newUser(), { token: () => 'not a token', locale: 'en' });
    await expect(client.connect()).rejects.toMatchObject({ reason: 'AUTH_TOKEN_MALFORMED' });
    expect(client.state.status).toBe('refused');
    expect(problems).toHaveLength(1);
    expect(problems[0]?.user_notification.support_code).toMatch(/^AUTH_TOKEN_MALFORMED_[0-9A-Z]{8}$/);
  });

  it('tells of a failed run once, as its outcome and as a problem', async () => {
    const recorded = newClient(newUser());
    await recorded.client.connect();
    const final = await recorded.drill({ tokens: 9, fail: { kind: 'throw', at_token: 4 } }).final;
    expect(final).toMatchObject({ status: 'failed', content: expect.stringMatching(/^w0 w1/) });
    await until(() => recorded.of('agent_failed').length === 1);
    expect(recorded.problems.map(({ support_code }) => support_code)).toEqual([final.error?.support_code]);
  });

  it('gives each of two tabs of one device everything once', async () => {
    const user = newUser();
    const tabs = [newClient(user), newClient(user)];
    for (const { client } of tabs) await client.connect();
    const [first, second] = tabs as [Recorded, Recorded];
    await first.drill({ tokens: 5 }).final;
    proxy.cut();
    await second.drill({ tokens: 5 }).final;
    for (const tab of tabs) {
      await until(() => tab.of('agent_completed').length === 2);
      tab.expectGapless();
    }
    expect(first.events.map(({ id }) => id)).toEqual(second.events.map(({ id }) => id));
  });

  it('with `ack: manual` is given again in its next life what it has not acknowledged, and in this one nothing twice', async () => {
    const options = { ack: 'manual', store: memoryStore(), storeKey: 'manual', deviceId: 'desk' } as const;
    const user = newUser();
    const first = newClient(user, options);
    await first.client.connect();
    await first.drill({ tokens: 3 }).final;
    await until(() => first.of('agent_completed').length === 1);
    const ids = first.events.map(({ id }) => id);
    await first.client.acknowledge(ids[1]);
    proxy.cut();
    await first.drill({ tokens: 3 }).final;
    await until(() => first.of('agent_completed').length === 2);
    first.expectGapless();
    const all = first.events.map(({ id }) => id);
    await first.client.close();

    const second = newClient(user, options);
    await second.client.connect();
    expect(second.events.map(({ id }) => id)).toEqual(all.slice(2));
    await second.client.acknowledge();
    await expect(second.client.acknowledge('nonsense')).rejects.toMatchObject({ reason: 'CURSOR_INVALID' });
    await second.client.close();

    const third = newClient(user, options);
    await third.client.connect();
    expect(third.events).toEqual([]);
  });

  it('answers the question of an agent, also one that was asked before it came', async () => {
    const user = newUser();
    const [desk, phone] = [newClient(user, { deviceId: 'desk' }), newClient(user, { deviceId: 'phone' })];
    await desk.client.connect();
    const run = desk.drill({ tokens: 6, ask: { prompt: 'Shall I go on?', at_token: 3 } });
    const asked = new Promise<RunQuestion>((resolve) => run.onQuestion(resolve));
    const { inputId, prompt, schema, expiresAt } = await asked;
    expect([prompt, schema['type'], Date.parse(expiresAt) > Date.now()]).toEqual(['Shall I go on?', 'string', true]);

    await phone.client.connect();
    const followed = await phone.client.follow((await run.accepted).runId);
    const again = await new Promise<RunQuestion>((resolve) => followed.onQuestion(resolve));
    expect(again.inputId).toBe(inputId);
    await expect(again.answer(7)).rejects.toMatchObject({ retryable: false });
    expect(await again.answer('yes')).toMatchObject({ duplicate: false });
    expect((await run.final).content).toBe(words(6));
    const late: RunQuestion[] = [];
    run.onQuestion((question) => late.push(question));
    expect(late).toEqual([]);
  });

  it('follows and cancels a run of another device', async () => {
    const user = newUser();
    const [here, there] = [newClient(user), newClient(user, { deviceId: 'phone' })];
    await Promise.all([here.client.connect(), there.client.connect()]);
    const run = here.drill({ tokens: 10_000, per_second: 100 });
    const { runId } = await run.accepted;
    await until(() => run.answer.length > 20);
    const followed = await there.client.follow(runId);
    await until(() => followed.answer.length > 60);
    await followed.cancel();
    const [mine, theirs] = await Promise.all([run.final, followed.final]);
    expect(mine.status).toBe('cancelled');
    expect(theirs.content).toBe(mine.content);
    await expect(there.client.follow('00000000-0000-7000-8000-000000000000')).rejects.toThrow('RUN_NOT_FOUND');
  });
});
