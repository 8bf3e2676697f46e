import type { ErrorBody } from '@clarion/protocol';
import type { ClarionClient } from './client';
import type { ClarionClientOptions } from './options';
import { EPOCH, ScriptedServer, serverError, until } from './scripted-server.fixture';
import { memoryStore } from './store';
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

  describe('that is refused', () => {
    it('comes back after retry_after_ms where that is retryable, and tells the reason once', async () => {
      const busy = (): ErrorBody => serverError('CONNECTION_LIMIT', { retryable: true, retry_after_ms: 120 });
      server.refuse = (nth) => (nth <= 3 ? busy() : null);
      const client = newClient();
      const established = await client.connect();
      expect(established.user_id).toBe('ann');
      expect(server.times).toHaveLength(4);
      for (const [before, after] of pairs(server.times)) expect(after - before).toBeGreaterThanOrEqual(119);
      expect(reasons()).toEqual(['CONNECTION_LIMIT']);
    });

    it('gives up, visibly, where it is not, and tries again when told to', async () => {
      server.refuse = () => serverError('AUTH_TOKEN_SIGNATURE');
      const client = newClient();
      await expect(client.connect()).rejects.toMatchObject({ reason: 'AUTH_TOKEN_SIGNATURE', retryable: false });
      expect(client.state).toMatchObject({ status: 'refused', error: { reason: 'AUTH_TOKEN_SIGNATURE' } });
      expect(reasons()).toEqual(['AUTH_TOKEN_SIGNATURE']);
      expect(server.handshakes).toHaveLength(1);
      server.refuse = () => null;
      await client.connect();
      expect(client.state.status).toBe('connected');
    });

    it('asks for another token when its token has expired, and gives up when that has expired as well', async () => {
      const asked: boolean[] = [];
      const token = ({ refresh }: { refresh: boolean }): string => {
        asked.push(refresh);
        return refresh ? 'fresh' : 'stale';
      };
      server.refuse = (_, auth) => (auth['token'] === 'stale' ? serverError('AUTH_TOKEN_EXPIRED') : null);
      await newClient({ token }).connect();
      expect(asked).toEqual([false, true]);
      expect(world.problems).toEqual([]);
      server.refuse = () => serverError('AUTH_TOKEN_EXPIRED');
      await expect(newClient({ token }).connect()).rejects.toThrow('AUTH_TOKEN_EXPIRED');
      expect(asked).toEqual([false, true, false, true]);
      expect(reasons()).toEqual(['AUTH_TOKEN_EXPIRED']);
    });

    it('forgets a cursor that the server cannot read', async () => {
      const store = memoryStore();
      await store.set('key:cursor', JSON.stringify(`${EPOCH}:7`));
      server.refuse = (_, auth) => (auth['cursor'] === undefined ? null : serverError('CURSOR_INVALID'));
      const client = newClient({ store, storeKey: 'key' });
      await expect(client.connect()).rejects.toThrow('CURSOR_INVALID');
      await client.connect();
      expect(server.handshakes[1]).not.toHaveProperty('cursor');
    });
  });

  describe('that is disconnected', () => {
    it('comes back after a server-side disconnect without a reason', async () => {
      const client = newClient();
      await client.connect();
      server.live.disconnect(true);
      await until(() => server.handshakes.length === 2);
      await client.connect();
      expect(world.problems).toEqual([]);
    });

    it('stays away after one that says that coming back cannot help', async () => {
      const client = newClient();
      await client.connect();
      server.live.emit('error', { type: 'error', error: serverError('AUTH_TOKEN_REVOKED', { close_code: 4502 }) });
      server.live.disconnect();
      await until(() => client.state.status === 'refused');
      expect(reasons()).toEqual(['AUTH_TOKEN_REVOKED']);
      expect(server.handshakes).toHaveLength(1);
    });

    it('comes back when server_draining asked it to, not sooner', async () => {
      const client = newClient();
      await client.connect();
      const cut = Date.now();
      server.live.emit('server_draining', { reconnect_after_ms: 300 });
      server.live.conn.close();
      await until(() => server.handshakes.length === 2);
      expect((server.times[1] ?? 0) - cut).toBeGreaterThanOrEqual(299);
      await client.connect();
    });

    it('waits longer each time it fails, and tries at once when told to', async () => {
      const client = newClient({ reconnect: { minMs: 20, maxMs: 60_000 } });
      const waits: number[] = [];
      client.on('state', (state) => state.status === 'waiting' && waits.push(state.retryInMs));
      const replay = server.replay;
      server.replay = (socket) => socket.conn.close();
      const caughtUp = client.connect();
      await until(() => waits.length === 6);
      expect(waits.at(-1)).toBeGreaterThanOrEqual(320);
      server.replay = replay;
      void client.connect();
      await caughtUp;
    });

    it('connects when the server appears', async () => {
      const { url } = server;
      await server.close();
      const client = newClient({ url });
      const states: string[] = [];
      client.on('state', ({ status }) => states.push(status));
      const connecting = client.connect();
      await until(() => states.filter((state) => state === 'waiting').length >= 2);
      world.server = await ScriptedServer.start(Number(new URL(url).port));
      await connecting;
      expect(client.state.status).toBe('connected');
      expect(world.problems).toEqual([]);
    });

    it('ends what waits for a connection when it is closed', async () => {
      const { url } = server;
      await server.close();
      const client = newClient({ url });
      const outcomes = Promise.allSettled([client.connect(), client.send('hello').final]);
      await until(() => client.state.status === 'waiting');
      await client.close();
      expect(await outcomes).toMatchObject([
        { reason: { reason: 'CLIENT_CLOSED' } },
        { reason: { reason: 'CLIENT_CLOSED' } },
      ]);
      expect(client.state).toEqual({ status: 'closed' });
    });
  });

  describe('and its token', () => {
    it('renews it while connected', async () => {
      server.handlers['auth_refresh'] = () => ({ ok: true, expires_at: new Date().toISOString() });
      const client = newClient({ token: ({ refresh }) => (refresh ? 'second' : 'first') });
      await client.connect();
      server.live.emit('auth_expiring', { expires_at: new Date().toISOString() });
      await until(() => server.of('auth_refresh').length === 1);
      expect(server.of('auth_refresh')).toEqual([{ token: 'second' }]);
    });

    it('shows nobody that a server cannot renew it', async () => {
      server.handlers['auth_refresh'] = () => ({ ok: false, error: serverError('EVENT_UNKNOWN') });
      server.handlers['health_check'] = () => ({ ok: true, report: {} });
      const client = newClient();
      await client.connect();
      server.live.emit('auth_expiring', { expires_at: new Date().toISOString() });
      await until(() => server.of('auth_refresh').length === 1);
      await client.request('health_check', {});
      expect(world.problems).toEqual([]);
    });

    it('reports a callback that fails, once, and asks again', async () => {
      let calls = 0;
      const client = newClient({
        token: async () => {
          calls += 1;
          if (calls <= 3) throw new Error('offline');
          return 'token';
        },
      });
      await client.connect();
      expect(calls).toBe(4);
      expect(world.problems).toMatchObject([{ reason: 'CLIENT_TOKEN_FAILED', support_code: '' }]);
    });
  });
});

function pairs(values: number[]): [number, number][] {
  return values.slice(1).map((value, index) => [values[index] ?? 0, value]);
}
