import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DurableEvent } from '@clarion/protocol';
import type { Socket } from 'socket.io-client';
import { Client } from 'pg';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { ClarionProcess } from '../support/clarion-process';
import { countingClient, FILL_MAILBOX, heard, upTo, webSocketOf } from '../support/counting-client';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(240_000);

let sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
});

function connectCounting(url: string, token: string, transport?: string): { socket: Socket; seqs: number[] } {
  const client = countingClient(url, token, transport);
  sockets.push(client.socket);
  return client;
}

describe('a client that does not keep up', () => {
  let app: ClarionApp;

  beforeAll(async () => {
    app = await ClarionApp.start({ env: { MAX_BUFFERED_BYTES: '262144', STALLED_AFTER_MS: '1000' } });
  });

  afterEach(() => {
    expect(app.closeClients()).toEqual([]);
  });

  afterAll(() => app.dispose());

  const cutOff = (user: string) =>
    app.lines.some((line) => line['user_id'] === user && line['reason'] === 'BACKPRESSURE');

  async function untilCutOff(user: string): Promise<void> {
    while (!cutOff(user)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async function mailboxOf(count: number, length: number): Promise<string> {
    const user = `user-${randomUUID()}`;
    const first = await app.connect(user);
    await app.query(FILL_MAILBOX, [user, count, length]);
    first.close();
    return user;
  }

  async function expectTold(client: ChatClient, disconnected: Promise<unknown>): Promise<void> {
    expect(await disconnected).toBe('transport close');
    const told = client.ephemeral('error').map(({ error }) => error);
    expect(told).toEqual([expect.objectContaining({ code: 1009, reason: 'BACKPRESSURE', retryable: true })]);
    expect(told[0]?.details).toMatchObject({ max_buffered_bytes: 262_144 });
  }

  it('live, is told BACKPRESSURE and closed, and with its cursor misses nothing', async () => {
    const user = `user-${randomUUID()}`;
    const [slow, writer] = [await app.connect(user), await app.connect(user, { device_id: 'other' })];
    const disconnected = new Promise((resolve) => slow.socket.once('disconnect', resolve));
    webSocketOf(slow.socket).pause();
    const padded = { tokens: 1, per_second: 0, padding: 'x'.repeat(60_000) };
    while (!cutOff(user)) await Promise.all(upTo(20).map(() => writer.drill(padded)));
    webSocketOf(slow.socket).resume();
    await expectTold(slow, disconnected);

    const back = await app.connect(user, { cursor: slow.cursor });
    const { head_seq = 0 } = back.ephemeral('connection_established')[0] ?? {};
    expect([...slow.events, ...back.events].map(({ seq }) => seq).slice(0, head_seq)).toEqual(upTo(head_seq));
    expect(back.events.length).toBeGreaterThan(0);
  });

  it('in the middle of a replay, taking nothing at all, is cut off in time, and with its cursor misses nothing', async () => {
    const user = await mailboxOf(1_000, 32_000);
    const { socket, seqs } = connectCounting(app.url, await app.token(user));
    const errors: unknown[] = [];
    socket.on('error', (envelope: unknown) => errors.push(envelope));
    socket.once('connection_established', () => webSocketOf(socket).pause());
    const disconnected = heard(socket, 'disconnect');
    await untilCutOff(user);
    webSocketOf(socket).resume();
    await disconnected;
    expect(errors).toEqual([expect.objectContaining({ error: expect.objectContaining({ reason: 'BACKPRESSURE' }) })]);
    expect(seqs.length).toBeLessThan(1_000);

    await heard(socket, 'replay_complete');
    expect(seqs).toEqual(upTo(1_000));
  });

  it.each(['websocket', 'polling'])('by %s, gets 10,000 events in order at its own pace', async (transport) => {
    const user = await mailboxOf(10_000, 320);
    const { socket, seqs } = connectCounting(app.url, await app.token(user), transport);
    socket.on('agent_progress', ({ seq }: DurableEvent) => {
      if (transport !== 'websocket' || seq % 1_000 !== 0) return;
      const webSocket = webSocketOf(socket);
      webSocket.pause();
      setTimeout(() => webSocket.resume(), 20);
    });
    expect(await heard(socket, 'replay_complete')).toEqual({ from_seq: 0, to_seq: 10_000, count: 10_000 });
    expect(seqs).toEqual(upTo(10_000));
    expect(cutOff(user)).toBe(false);
  });
});

describe('a user who has missed 100,000 events', () => {
  const MISSED = 100_000;
  const LENGTH = 800;
  const MOST_GROWTH = 160 * 1024 * 1024;
  let database: TestDatabase;
  /** With a heap that does not hold what was missed. */
  let clarion: ClarionProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    clarion = await ClarionProcess.start({
      env: { DATABASE_URL: database.url, NODE_OPTIONS: '--max-old-space-size=128' },
    });
  });

  afterAll(async () => {
    await clarion.dispose();
    await database.drop();
  });

  async function residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${clarion.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  it('costs a bounded amount of memory and does not delay the others', async () => {
    const opened = connectCounting(clarion.url, await clarion.token('absent'));
    await heard(opened.socket, 'replay_complete');
    opened.socket.close();
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query(FILL_MAILBOX, ['absent', MISSED, LENGTH]);
    await client.end();
    const other = connectCounting(clarion.url, await clarion.token('other'));
    await heard(other.socket, 'replay_complete');

    const before = await residentBytes();
    const { socket, seqs } = connectCounting(clarion.url, await clarion.token('absent'));
    socket.once('connection_established', () => webSocketOf(socket).pause());
    await heard(socket, 'connection_established');
    const delays: number[] = [];
    let most = 0;
    const complete = heard(socket, 'replay_complete');
    const watching = (async () => {
      while (seqs.length < MISSED) {
        const asked = performance.now();
        await other.socket.timeout(10_000).emitWithAck('thread_list', {});
        delays.push(performance.now() - asked);
        most = Math.max(most, await residentBytes());
        if (delays.length === 100) webSocketOf(socket).resume();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await Promise.all([complete, watching]);

    expect(seqs.findIndex((seq, index) => seq !== index + 1)).toBe(-1);
    expect(seqs).toHaveLength(MISSED);
    delays.sort((a, b) => a - b);
    console.log(
      `grew by ${Math.round((most - before) / 1e6)} MB for ${(MISSED * LENGTH) / 1e6} MB missed; others: median ${delays[delays.length >> 1]?.toFixed(1)} ms, most ${delays.at(-1)?.toFixed(1)} ms`,
    );
    expect(most - before).toBeLessThan(MOST_GROWTH);
    expect(delays[delays.length >> 1]).toBeLessThan(500);
  });
});
