import type { DurableEvent } from '@clarion/protocol';
import type { ClarionClient } from './client';
import { ClarionError } from './errors';
import type { ClarionClientOptions } from './options';
import { durableEvent, EPOCH, runView, type ScriptedServer, serverError, until } from './scripted-server.fixture';
import { memoryStore, type ClientStore } from './store';
import { ScriptedWorld } from './scripted-world.fixture';

describe('a client', () => {
  let world: ScriptedWorld;
  let server: ScriptedServer;

  beforeEach(async () => {
    world = await ScriptedWorld.start();
    server = world.server;
  });

  afterEach(() => world.close());

  const newClient = (more: Partial<ClarionClientOptions> = {}): ClarionClient => world.newClient(more);
  const reasons = (): string[] => world.problems.map(({ reason }) => reason);

  const accept = ({ client_message_id }: { client_message_id: string }) => ({
    ...{ ok: true, message_id: `m-${client_message_id}`, thread_id: 't', run_id: 'r', duplicate: false },
  });

  describe('and durable events', () => {
    it('drops what it has processed and keeps the cursor', async () => {
      const store = memoryStore();
      const client = newClient({ store, storeKey: 'key' });
      const seen: number[] = [];
      client.on('event', ({ seq }) => seen.push(seq));
      await client.connect();
      for (const seq of [1, 2, 2, 1, 3, 3]) server.live.emit('agent_progress', durableEvent(seq));
      await until(() => seen.length >= 3);
      await client.close();
      expect(seen).toEqual([1, 2, 3]);
      await newClient({ store, storeKey: 'key' }).connect();
      expect(server.handshakes[1]).toMatchObject({ cursor: `${EPOCH}:3` });
    });

    it('comes back with its old cursor when a reset broke off before the server had said what was missed', async () => {
      const store = memoryStore();
      const client = newClient({ store, storeKey: 'key' });
      await client.connect();
      server.live.emit('agent_progress', durableEvent(1));
      await until(() => client.lastEventId === `${EPOCH}:1`);
      server.established = { resume: 'reset', from_seq: 9 };
      server.replay = (socket, nth) => nth === 2 && void socket.conn.close();
      server.live.conn.close();
      await until(() => server.handshakes.length === 3 && client.lastEventId === `${EPOCH}:9`);
      expect(server.handshakes.map(({ cursor }) => cursor)).toEqual([undefined, `${EPOCH}:1`, `${EPOCH}:1`]);
    });

    it('reconnects with its cursor at a gap, and is sent what was missing', async () => {
      const client = newClient();
      const seen: number[] = [];
      client.on('event', ({ seq }) => seen.push(seq));
      await client.connect();
      server.replay = (socket) => [2, 3].forEach((seq) => socket.emit('agent_progress', durableEvent(seq)));
      server.live.emit('agent_progress', durableEvent(1));
      server.live.emit('agent_progress', durableEvent(3));
      await until(() => seen.length >= 3);
      expect(seen).toEqual([1, 2, 3]);
      expect(server.handshakes[1]).toMatchObject({ cursor: `${EPOCH}:1` });
      expect(world.problems).toEqual([]);
    });

    it('says so when the server insists on a gap, and goes on', async () => {
      const client = newClient();
      const seen: number[] = [];
      client.on('event', ({ seq }) => seen.push(seq));
      server.replay = (socket) => socket.emit('agent_progress', durableEvent(5));
      const connecting = client.connect();
      await until(() => seen.length === 1);
      await connecting;
      expect(seen).toEqual([5]);
      expect(reasons()).toEqual(['CLIENT_EVENTS_MISSED']);
    });

    it('forgets every seq with the epoch', async () => {
      const client = newClient();
      const seen: string[] = [];
      client.on('event', ({ id }) => seen.push(id));
      await client.connect();
      server.live.emit('agent_progress', durableEvent(1));
      await until(() => seen.length === 1);
      const epoch = 'epoch0000002';
      server.established = { epoch, resume: 'reset', from_seq: 0 };
      server.replay = (socket) => socket.emit('agent_progress', durableEvent(1, {}, epoch));
      server.live.conn.close();
      await until(() => seen.length === 2);
      expect(seen).toEqual([`${EPOCH}:1`, `${epoch}:1`]);
      expect(client.lastEventId).toBe(`${epoch}:1`);
    });

    it('moves past an event that it does not know', async () => {
      const client = newClient();
      await client.connect();
      const seen: DurableEvent[] = [];
      client.on('event', (event) => seen.push(event));
      server.live.emit('from_the_future', durableEvent(1, { type: 'from_the_future' as 'notification' }));
      server.live.emit('agent_progress', durableEvent(2));
      await until(() => seen.length === 2);
      expect(client.lastEventId).toBe(`${EPOCH}:2`);
    });

    it('shows a support code once, wherever it comes from', async () => {
      const client = newClient();
      await client.connect();
      const error = serverError('AGENT_FAILED');
      const { user_notification } = error;
      server.live.emit('error', { type: 'error', error });
      server.live.emit('notification', durableEvent(1, { type: 'notification', data: { user_notification, error } }));
      const failed = { type: 'agent_failed', data: { error, content: '' } } as const;
      server.live.emit('agent_failed', durableEvent(2, failed));
      await until(() => client.lastEventId === `${EPOCH}:2`);
      expect(world.problems).toHaveLength(1);
    });
  });

  describe('and an answer', () => {
    it('asks for what it missed, as often as it takes', async () => {
      server.handlers['chat_message'] = accept;
      const texts = ['one ', 'one two three '];
      server.handlers['run_get'] = () => ({ ok: true, run: runView({ text: texts.shift() ?? '' }) });
      const client = newClient();
      await client.connect();
      const run = client.send('hello');
      await run.accepted;
      const delta = { run_id: 'r', attempt: 1, path: null };
      server.live.emit(
        'agent_started',
        durableEvent(1, { type: 'agent_started', data: { agent: 'a', max_attempts: 1 } }),
      );
      server.live.emit('agent_delta', { ...delta, index: 0, text: 'one ' });
      server.live.emit('agent_delta', { ...delta, index: 8, text: 'three ' });
      server.live.emit('agent_delta', { ...delta, index: 14, text: 'four' });
      await until(() => run.answer === 'one two three four');
      expect(server.of('run_get')).toHaveLength(2);
    });

    it('learns how a run ended whose end was lost with the epoch', async () => {
      server.handlers['chat_message'] = accept;
      server.handlers['run_get'] = () => ({ ok: true, run: runView({ status: 'completed', text: 'all of it' }) });
      const client = newClient();
      await client.connect();
      const run = client.send('hello');
      await run.accepted;
      server.established = { epoch: 'epoch0000002', resume: 'reset', from_seq: 9 };
      server.live.conn.close();
      expect(await run.final).toMatchObject({ status: 'completed', content: 'all of it' });
      expect(run.answer).toBe('all of it');
    });

    it('rejects what waits for a run that was deleted', async () => {
      server.handlers['chat_message'] = (message: never) => ({ ...accept(message), duplicate: true });
      server.handlers['run_get'] = () => ({ ok: false, error: serverError('RUN_NOT_FOUND') });
      const client = newClient();
      await client.connect();
      await expect(client.send('hello').final).rejects.toThrow('RUN_NOT_FOUND');
    });
  });

  describe('and its outbox', () => {
    it('repeats with the same id what fails for now, honours retry_after_ms and tells each reason once', async () => {
      const times: number[] = [];
      server.handlers['chat_message'] = (message: { client_message_id: string }) => {
        times.push(Date.now());
        const error = serverError('DATABASE_UNAVAILABLE', { retryable: true, retry_after_ms: 100 });
        return times.length <= 3 ? { ok: false, error } : accept(message);
      };
      const client = newClient();
      await client.connect();
      const accepted = await client.send('hello').accepted;
      const ids = server.of('chat_message').map(({ client_message_id }) => client_message_id);
      expect(new Set(ids).size).toBe(1);
      expect(accepted.messageId).toBe(`m-${String(ids[0])}`);
      for (const [before, after] of pairs(times)) expect(after - before).toBeGreaterThanOrEqual(99);
      expect(reasons()).toEqual(['DATABASE_UNAVAILABLE']);
    });

    it('repeats what was not answered before the connection was lost', async () => {
      server.handlers['chat_message'] = (message: { client_message_id: string }, socket) => {
        if (server.of('chat_message').length > 1) return accept(message);
        socket.conn.close();
        return undefined;
      };
      const client = newClient();
      await client.connect();
      await client.send('hello').accepted;
      const [first, second, ...more] = server.of('chat_message');
      expect(first).toEqual(second);
      expect(more).toEqual([]);
    });

    it('tells what is refused for good, and does not send it again', async () => {
      const store = memoryStore();
      server.handlers['chat_message'] = () => ({ ok: false, error: serverError('AGENT_UNKNOWN') });
      const client = newClient({ store, storeKey: 'key' });
      await client.connect();
      const run = client.send('hello', { agent: 'nobody' });
      await expect(run.accepted).rejects.toThrow(ClarionError);
      await expect(run.final).rejects.toMatchObject({ reason: 'AGENT_UNKNOWN' });
      await client.close();
      expect(reasons()).toEqual(['AGENT_UNKNOWN']);
      expect(await store.get('key:outbox')).toBeUndefined();
    });

    it('keeps the order within a thread, and lets no thread wait for another', async () => {
      const order: string[] = [];
      let failures = 3;
      server.handlers['chat_message'] = (message: { client_message_id: string; content: string }) => {
        const error = serverError('QUEUED_RUNS_LIMIT', { retryable: true, retry_after_ms: 50 });
        if (message.content === 'first' && failures-- > 0) return { ok: false, error };
        order.push(message.content);
        return accept(message);
      };
      const client = newClient();
      const runs = ['first', 'second'].map((content) => client.send(content, { threadId: 'busy' }));
      runs.push(client.send('elsewhere', { threadId: 'idle' }));
      await client.connect();
      await Promise.all(runs.map((run) => run.accepted));
      expect(order).toEqual(['elsewhere', 'first', 'second']);
    });

    it('sends nothing that the server would cut the connection for', async () => {
      const client = newClient();
      await client.connect();
      await expect(client.send('ä'.repeat(40_000)).accepted).rejects.toThrow('CLIENT_CONTENT_TOO_LARGE');
      expect(server.of('chat_message')).toEqual([]);
      expect(reasons()).toEqual(['CLIENT_CONTENT_TOO_LARGE']);
    });

    it('does not send what another user wrote, and keeps it for them', async () => {
      const store = memoryStore();
      const bob = newClient({ store, storeKey: 'key', user: 'bob' });
      bob.send('from bob');
      await bob.close();
      const client = newClient({ store, storeKey: 'key' });
      const [run] = await client.restore();
      await client.connect();
      await expect(run?.accepted).rejects.toMatchObject({ reason: 'CLIENT_OTHER_USER' });
      expect(server.of('chat_message')).toEqual([]);
      expect(await store.get('key:outbox')).toContain('from bob');
      await client.close({ forget: true });
      expect(await store.get('key:outbox')).toBeUndefined();
      expect(await store.get('key:cursor')).toBeUndefined();
    });

    it('works with a store that is slow, and says when one fails', async () => {
      server.handlers['chat_message'] = accept;
      const values = new Map<string, string>();
      const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), 10));
      const slow: ClientStore = {
        get: (key) => later(values.get(key)),
        set: async (key, value) => void values.set(key, await later(value)),
        remove: async (key) => void values.delete(await later(key)),
      };
      const client = newClient({ store: slow, storeKey: 'key' });
      const run = client.send('hello');
      await client.connect();
      await run.accepted;
      await client.close();
      expect([...values.keys()]).toEqual(['key:cursor']);
      expect(world.problems).toEqual([]);

      const broken: ClientStore = { ...memoryStore(), set: () => Promise.reject(new Error('quota exceeded')) };
      const other = newClient({ store: broken });
      await other.connect();
      await other.send('hello').accepted;
      // Once for the cursor, once for the outbox.
      expect(reasons()).toEqual(['CLIENT_STORE_FAILED', 'CLIENT_STORE_FAILED']);
    });

    it('tells who waits when it is closed', async () => {
      const client = newClient();
      await client.connect();
      const run = client.send('hello');
      const reading = run[Symbol.asyncIterator]().next();
      const request = client.request('health_check', {});
      await until(() => server.requests.length === 2);
      await client.close();
      await expect(run.accepted).rejects.toThrow('CLIENT_CLOSED');
      await expect(reading).rejects.toThrow('CLIENT_CLOSED');
      await expect(request).rejects.toThrow('CLIENT_DISCONNECTED');
      await expect(client.connect()).rejects.toThrow('CLIENT_CLOSED');
      expect(world.problems).toEqual([]);
    });
  });
});

function pairs(values: number[]): [number, number][] {
  return values.slice(1).map((value, index) => [values[index] ?? 0, value]);
}
