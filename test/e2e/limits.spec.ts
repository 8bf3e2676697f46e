import { randomUUID } from 'node:crypto';
import type { Ack } from '@clarion/protocol';
import { drillWords, type ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { TcpProxy } from '../support/tcp-proxy';

describe('a user who sends more than is allowed in a minute', () => {
  let app: ClarionApp;

  beforeAll(async () => {
    app = await ClarionApp.start({ env: { MESSAGES_PER_MINUTE: '2' } });
  });
  afterEach(() => expect(app.closeClients()).toEqual([]));
  afterAll(() => app.dispose());

  it('is told when to come back, on all connections together, and nobody else is', async () => {
    const [phone, laptop] = await Promise.all([app.connect('hasty'), app.connect('hasty')]);
    const first = await phone.drill({ tokens: 1 });
    await laptop.drill({ tokens: 1 });
    const refused = await phone.request('chat_message', { client_message_id: randomUUID(), content: 'x' });
    expect(refused).toMatchObject({
      ok: false,
      error: {
        code: 1004,
        reason: 'RATE_LIMITED',
        retryable: true,
        details: { limit: 2, window_ms: 60_000 },
      },
    });
    const waitMs = (!refused.ok && refused.error.retry_after_ms) || 0;
    expect(waitMs).toBeGreaterThan(20_000);
    expect(waitMs).toBeLessThanOrEqual(30_000);
    expect(await phone.request('run_get', { run_id: first.run_id })).toMatchObject({ ok: true });
    await (await app.connect('patient')).drill({ tokens: 1 });
  });
});

describe('with a database that hangs', () => {
  const ACK_DEADLINE_MS = 1_400;
  const HANDSHAKE_TIMEOUT_MS = 900;
  let proxy: TcpProxy;
  let app: ClarionApp;
  let client: ChatClient;

  beforeAll(async () => {
    const start = async (databaseUrl: string): Promise<string> => {
      proxy = await TcpProxy.before(databaseUrl);
      return proxy.through(databaseUrl);
    };
    app = await ClarionApp.start({
      through: start,
      env: {
        ACK_DEADLINE_MS: String(ACK_DEADLINE_MS),
        HANDSHAKE_TIMEOUT_MS: String(HANDSHAKE_TIMEOUT_MS),
        DATABASE_STATEMENT_TIMEOUT_MS: '4000',
        // That it is away is not to be known before the deadlines.
        DATABASE_CONNECT_TIMEOUT_MS: '9000',
      },
    });
  });
  beforeEach(async () => {
    client = await app.connect('alice');
  });
  afterEach(() => {
    proxy.heal();
    expect(app.closeClients()).toEqual([]);
  });
  afterAll(async () => {
    await app.dispose();
    await proxy.close();
  });

  it('a request is answered by ACK_TIMEOUT within the deadline, exactly once, and the same ids settle it later', async () => {
    const message = { client_message_id: randomUUID(), content: JSON.stringify({ tokens: 3 }), agent: 'drill' };
    proxy.hang();
    const asked = performance.now();
    const answer = await client.request('chat_message', message);
    expect(performance.now() - asked).toBeLessThanOrEqual(ACK_DEADLINE_MS);
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code: 1004,
        reason: 'ACK_TIMEOUT',
        retryable: true,
        details: { event: 'chat_message', timeout_ms: ACK_DEADLINE_MS },
      },
    });
    proxy.heal();
    const settled = await untilAccepted(() => client.request('chat_message', message));
    expect(await client.ended(settled.run_id)).toMatchObject({ data: { content: drillWords(3) } });
    expect(client.of('message_created')).toHaveLength(1);
    expect(answer.ok || (await app.recordOf(answer.error))).toMatchObject({ operation: 'socket.chat_message' });
  });

  it('a handshake is refused in time, by the stage that hung', async () => {
    const token = await app.token('bob');
    proxy.hang();
    const { error } = await app.refusal({ token });
    expect(error).toMatchObject({
      code: 1005,
      reason: 'DATABASE_TIMEOUT',
      user_id: 'bob',
      retryable: true,
      details: { timeout_ms: HANDSHAKE_TIMEOUT_MS },
    });
    proxy.heal();
    await untilAccepted(() => client.request('chat_message', { client_message_id: randomUUID(), content: '{}' }));
    expect(await app.recordOf(error)).toMatchObject({ operation: 'handshake.mailbox', user_id: 'bob' });
    expect((await app.connect('bob')).socket.connected).toBe(true);
  });
});

/** Asks again while the answer says that this may help. */
async function untilAccepted(ask: () => Promise<Ack<'chat_message'>>): Promise<Ack<'chat_message'> & { ok: true }> {
  const answer = await ask();
  if (answer.ok) return answer;
  if (!answer.error.retryable) throw new Error(`refused for good: ${answer.error.reason}`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return untilAccepted(ask);
}
