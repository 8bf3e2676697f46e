import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';
import { FaultyProxy } from '../support/faulty-proxy';
import { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { countingClient, FILL_MAILBOX, heard, upTo, webSocketOf } from '../support/counting-client';
import { createTestDatabase, rowsOf, type TestDatabase } from '../support/database';
import { ANSWER, disconnected, expectCompleted, expectGapless } from './load';

jest.setTimeout(120_000);

/** How long every answer of PostgreSQL is on its way to the process: whatever is seen in the database meanwhile, it does not know. */
const LATENCY_MS = 400;

describe('a process that is killed', () => {
  let database: TestDatabase;
  let proxy: FaultyProxy;
  let clarion: ClarionProcess;
  let port: number;
  let clients: (ChatClient | Socket)[];

  beforeEach(async () => {
    clients = [];
    database = await createTestDatabase();
    proxy = await FaultyProxy.before([Number(new URL(database.url).port)]);
    const proxied = new URL(database.url);
    proxied.port = String(proxy.port);
    clarion = await ClarionProcess.start({ env: { DATABASE_URL: proxied.href } });
    port = clarion.port;
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await clarion.dispose();
    await proxy.close();
    await database.drop();
  });

  async function connect(cursor?: string): Promise<ChatClient> {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice'), cursor });
    clients.push(client);
    return client;
  }

  async function killAndRestart(): Promise<void> {
    const { dataDir, options } = clarion;
    await clarion.crash();
    clarion = await ClarionProcess.start({ ...options, dataDir, port });
  }

  it('between the commit of a message and all that follows: it is delivered, and the same id gives the same run', async () => {
    const before = await connect();
    const first = await before.drill({ tokens: 1 });
    await before.ended(first.run_id);
    const { cursor } = before;
    const seen = before.events.length;
    const message = {
      client_message_id: randomUUID(),
      content: JSON.stringify({ tokens: 12, per_second: 400 }),
      agent: 'drill',
    };
    const acknowledged = jest.fn();

    proxy.slow(() => true, LATENCY_MS);
    before.socket.emit('chat_message', message, acknowledged);
    const committed = () =>
      rowsOf<{ run_id: string }>(database.url, 'SELECT run_id FROM messages WHERE client_message_id = $1', [
        message.client_message_id,
      ]);
    await clarion.until(async () => (await committed()).length > 0);
    await Promise.all([killAndRestart(), disconnected(before)]);
    expect(acknowledged).not.toHaveBeenCalled();
    expect(before.events).toHaveLength(seen);

    const after = await connect(cursor);
    const [row] = await committed();
    const again = await after.request('chat_message', message);
    expect(again).toMatchObject({ ok: true, duplicate: true, run_id: row?.run_id });
    await after.ended(row?.run_id ?? '');
    expectCompleted(after, row?.run_id ?? '', ANSWER);
    expect(after.of('message_created').map(({ data }) => data.client_message_id)).toEqual([message.client_message_id]);
    expectGapless([...before.events, ...after.events]);
  });

  it('during a replay: the client goes on where it stood', async () => {
    (await connect()).close();
    await rowsOf(database.url, FILL_MAILBOX, ['alice', 20_000, 640]);
    const { socket, seqs } = countingClient(clarion.url, await clarion.token('alice'));
    clients.push(socket);
    await new Promise<void>((resolve) =>
      socket.on('agent_progress', () => {
        if (seqs.length === 1_000) resolve();
      }),
    );
    webSocketOf(socket).pause();
    const gone = heard(socket, 'disconnect');
    const killed = killAndRestart();
    webSocketOf(socket).resume();
    await Promise.all([killed, gone]);
    expect(seqs.length).toBeLessThan(20_000);

    expect(await heard(socket, 'replay_complete')).toMatchObject({ to_seq: 20_000 });
    expect(seqs).toEqual(upTo(20_000));
  });
});
