import { createHmac } from 'node:crypto';
import { CATALOGUE, type Reason } from '../../src/errors';
import { Connections } from '../../src/gateway';
import { drillWords } from '../support/chat-client';
import { AUDIENCE, ClarionApp, ISSUER } from '../support/clarion-app';

let app: ClarionApp;

beforeAll(async () => {
  app = await ClarionApp.start({ env: { CONNECTIONS_PER_USER: '3', MESSAGES_PER_MINUTE: '120' } });
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

const NOW_SECONDS = Math.floor(Date.now() / 1000);

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { inner: nested(depth - 1) };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function claimsOf(user: string): object {
  return { iss: ISSUER, aud: AUDIENCE, sub: user, exp: NOW_SECONDS + 3600 };
}

function signedBy(secret: string, header: object): string {
  const signed = `${part(header)}.${part(claimsOf('mallory'))}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

describe('a connection', () => {
  it('is told who it is, where it stands and what the limits are, before anything else', async () => {
    const before = Date.now();
    const client = await app.connect('newcomer', { device_id: 'phone' });
    expect(client.received.map(({ name }) => name)).toEqual(['connection_established', 'replay_complete']);
    const [established] = client.ephemeral('connection_established');
    expect(established).toEqual({
      protocol: 1,
      connection_id: client.socket.id,
      user_id: 'newcomer',
      device_id: 'phone',
      epoch: expect.stringMatching(/^[A-Za-z0-9]{8,32}$/),
      head_seq: 0,
      from_seq: 0,
      resume: 'new',
      server_time: expect.any(String),
      limits: {
        max_content_bytes: 65_536,
        messages_per_minute: 120,
        connections_per_user: 3,
        queued_runs_per_thread: 20,
      },
      health: expect.any(String),
      degraded_components: expect.any(Array),
    });
    const skewMs = Date.parse(established?.server_time ?? '') - before;
    expect(skewMs).toBeGreaterThanOrEqual(0);
    expect(skewMs).toBeLessThan(5_000);
    expect(client.ephemeral('replay_complete')).toEqual([{ from_seq: 0, to_seq: 0, count: 0 }]);
  });

  it('gets what happened, marked as recovered, then the runs under way, then the end of the replay', async () => {
    const first = await app.connect('reader');
    await first.ended((await first.drill({ tokens: 5, per_second: 0 })).run_id);
    const { run_id } = await first.drill({ tokens: 100, per_second: 100 });
    await first.until(() => first.answers.get(run_id)?.answer.startsWith('w0 w1 w2') || undefined);
    const epoch = first.events[0]?.epoch;

    const second = await app.connect('reader', { cursor: `${epoch}:0` });
    const names = second.received.map(({ name }) => name);
    const events = second.events.filter(({ recovered }) => recovered);
    const end = names.indexOf('replay_complete');
    expect(names.slice(0, end + 1)).toEqual([
      'connection_established',
      ...events.map(({ type }) => type),
      'run_snapshot',
      'replay_complete',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.map((event) => ({ ...event, recovered: false }))).toEqual(first.events.slice(0, events.length));
    expect(second.ephemeral('connection_established')[0]).toMatchObject({
      from_seq: 0,
      head_seq: events.length,
      resume: 'cursor',
    });
    expect(second.ephemeral('replay_complete')).toEqual([{ from_seq: 0, to_seq: events.length, count: events.length }]);
    const [snapshot] = second.ephemeral('run_snapshot');
    expect(snapshot).toMatchObject({ run_id, status: 'running', attempt: 1, agent: 'drill', position: 0, error: null });
    expect(drillWords(100).startsWith(snapshot?.text ?? '-')).toBe(true);

    await second.ended(run_id);
    expect(second.answers.get(run_id)).toMatchObject({ answer: drillWords(100), missed: false, ended: true });
    expect(second.events.slice(events.length).every(({ recovered }) => !recovered)).toBe(true);
  });

  it('works by long-polling', async () => {
    const client = await app.connect('poller', {}, { transports: ['polling'] });
    const { run_id } = await client.drill({ tokens: 30, per_second: 0 });
    expect(await client.ended(run_id)).toMatchObject({ data: { content: drillWords(30) } });
    expect(client.answers.get(run_id)?.answer).toBe(drillWords(30));
  });

  it('is as good with its numbers as strings, and with fields that nobody knows', async () => {
    const client = await app.connect('texter', { protocol: '1', ack: 'auto', colour: 'blue', nothing: null });
    expect(client.ephemeral('connection_established')).toHaveLength(1);
  });

  it.each(['tlh', 'de-AT-1996', '!', 'x'.repeat(200)])('falls back to English for the locale %j', async (locale) => {
    const client = await app.connect('traveller', { locale });
    const answer = await client.raw('no_such_event');
    expect(answer.ok || answer.error.user_notification.user_friendly_message).toMatch(/^[A-Z][a-z ,']+/);
  });

  it('comes from a page of the same origin, or from no page', async () => {
    const own = await app.connect('browser', {}, { extraHeaders: { origin: app.url } });
    expect(own.socket.connected).toBe(true);
  });

  it('leaves a log line with the duration of every stage', async () => {
    await app.connect('measured');
    const line = app.lines.find(({ user_id, msg }) => user_id === 'measured' && msg === 'Admitted a connection');
    const duration: unknown = expect.any(Number);
    expect(line?.['stages']).toEqual({
      origin_ms: duration,
      token_ms: duration,
      session_ms: duration,
      mailbox_ms: duration,
      join_ms: duration,
    });
  });

  it('gives its place back when it ends', async () => {
    const [first] = await Promise.all([1, 2, 3].map(() => app.connect('many')));
    const { error } = await app.refusal({ token: await app.token('many') });
    expect(error).toMatchObject({
      code: 1003,
      component: 'Factory',
      reason: 'CONNECTION_LIMIT',
      user_id: 'many',
      details: { limit: 3 },
      retryable: true,
      retry_after_ms: 10_000,
      close_code: 4003,
    });
    expect(await app.recordOf(error)).toMatchObject({ operation: 'handshake.session', user_id: 'many' });
    const left = new Promise<void>((resolve) => first?.socket.once('disconnect', () => resolve()));
    first?.close();
    await left;
    // The server hears of it by a packet that this client does not see answered.
    const again = await eventually(() => app.connect('many'));
    expect(again.ephemeral('connection_established')).toHaveLength(1);
  });
});

describe('a transport', () => {
  it('may carry one connection after the other, and keeps nothing of those that ended', async () => {
    const opened = jest.spyOn(Connections.prototype, 'open');
    const listeners = (): Record<string, number> => {
      const conn = opened.mock.lastCall?.[0].conn;
      const names = conn?.eventNames() ?? [];
      return Object.fromEntries(names.map((name) => [name, conn?.listenerCount(name) ?? 0]));
    };
    const client = await app.connect('again');
    const auth = JSON.stringify({ token: await app.token('again') });
    const once = listeners();
    for (let round = 0; round < 5; round += 1) {
      const back = client.next('replay_complete');
      client.socket.io.engine.write('1');
      // Written later, answered later: by then the server has read that packet.
      await app.request('/health/live');
      client.socket.io.engine.write(`0${auth}`);
      await back;
    }
    expect(opened).toHaveBeenCalledTimes(6);
    expect(listeners()).toEqual(once);
    opened.mockRestore();
  });
});

async function eventually<T>(attempt: () => Promise<T>, attempts = 50): Promise<T> {
  const [result] = await Promise.allSettled([attempt()]);
  if (result.status === 'fulfilled') return result.value;
  if (attempts === 0) throw result.reason;
  return eventually(attempt, attempts - 1);
}

interface Hostile {
  readonly name: string;
  readonly auth: () => unknown;
  readonly options?: Record<string, unknown>;
  readonly reason: Reason;
  readonly stage: 'origin' | 'token' | 'session';
  readonly details?: unknown;
}

const good = (claims: Record<string, unknown> = {}) => app.token('mallory', claims);

const REFUSED: Hostile[] = [
  { name: 'no token', auth: () => ({}), reason: 'AUTH_TOKEN_MISSING', stage: 'token' },
  { name: 'no auth at all', auth: () => undefined, reason: 'AUTH_TOKEN_MISSING', stage: 'token' },
  { name: 'an empty token', auth: () => ({ token: '' }), reason: 'AUTH_TOKEN_MISSING', stage: 'token' },
  { name: 'a number for a token', auth: () => ({ token: 7 }), reason: 'AUTH_TOKEN_MISSING', stage: 'token' },
  { name: 'a token that is none', auth: () => ({ token: 'abc' }), reason: 'AUTH_TOKEN_MALFORMED', stage: 'token' },
  {
    name: 'a huge token',
    auth: () => ({ token: 'x'.repeat(20_000) }),
    reason: 'AUTH_TOKEN_MALFORMED',
    stage: 'token',
  },
  {
    name: 'an expired token',
    auth: async () => ({ token: await good({ exp: NOW_SECONDS - 60 }) }),
    reason: 'AUTH_TOKEN_EXPIRED',
    stage: 'token',
    details: { expired_at: new Date((NOW_SECONDS - 60) * 1000).toISOString() },
  },
  {
    name: 'a token of tomorrow',
    auth: async () => ({ token: await good({ nbf: NOW_SECONDS + 600 }) }),
    reason: 'AUTH_TOKEN_NOT_YET_VALID',
    stage: 'token',
  },
  {
    name: 'a wrong signature',
    auth: () => ({ token: signedBy('somebody else, who has a long secret', { alg: 'HS256' }) }),
    reason: 'AUTH_TOKEN_SIGNATURE',
    stage: 'token',
    details: null,
  },
  {
    name: 'alg none',
    auth: () => ({ token: `${part({ alg: 'none' })}.${part(claimsOf('mallory'))}.` }),
    reason: 'AUTH_ALGORITHM_NOT_ALLOWED',
    stage: 'token',
    details: { allowed: ['HS256'] },
  },
  {
    name: 'another audience',
    auth: async () => ({ token: await good({ aud: 'another' }) }),
    reason: 'AUTH_TOKEN_AUDIENCE',
    stage: 'token',
  },
  {
    name: 'another issuer',
    auth: async () => ({ token: await good({ iss: 'https://evil.example' }) }),
    reason: 'AUTH_TOKEN_ISSUER',
    stage: 'token',
  },
  {
    name: 'a subject that is too long',
    auth: async () => ({ token: await good({ sub: 'm'.repeat(129) }) }),
    reason: 'AUTH_TOKEN_SUBJECT',
    stage: 'token',
  },
  {
    name: 'a token in the URL',
    auth: async () => ({ token: await good() }),
    options: { query: { token: 'x' } },
    reason: 'AUTH_TOKEN_IN_URL',
    stage: 'token',
  },
  {
    name: 'another origin',
    auth: async () => ({ token: await good() }),
    options: { extraHeaders: { origin: 'https://evil.example' } },
    reason: 'ORIGIN_NOT_ALLOWED',
    stage: 'origin',
    details: { origin: 'https://evil.example' },
  },
  {
    name: 'a local origin, as only development allows',
    auth: async () => ({ token: await good() }),
    options: { extraHeaders: { origin: 'http://localhost:5173' } },
    reason: 'ORIGIN_NOT_ALLOWED',
    stage: 'origin',
  },
  {
    name: 'the origin null',
    auth: async () => ({ token: await good() }),
    options: { extraHeaders: { origin: 'null' } },
    reason: 'ORIGIN_NOT_ALLOWED',
    stage: 'origin',
  },
  {
    name: 'another protocol',
    auth: async () => ({ token: await good(), protocol: 2 }),
    reason: 'PROTOCOL_VERSION_UNSUPPORTED',
    stage: 'token',
  },
  {
    name: 'a cursor that cannot be read',
    auth: async () => ({ token: await good(), cursor: 'yesterday' }),
    reason: 'CURSOR_INVALID',
    stage: 'session',
  },
  {
    name: 'a cursor that is no text',
    auth: async () => ({ token: await good(), cursor: { seq: 1 } }),
    reason: 'CURSOR_INVALID',
    stage: 'session',
  },
  {
    name: 'a device id of strange letters',
    auth: async () => ({ token: await good(), device_id: '../etc' }),
    reason: 'HANDSHAKE_INVALID',
    stage: 'session',
    details: { issues: [{ path: 'device_id', code: 'invalid_format' }] },
  },
  {
    name: 'an unknown way to acknowledge',
    auth: async () => ({ token: await good(), ack: true }),
    reason: 'HANDSHAKE_INVALID',
    stage: 'session',
  },
  {
    name: 'deep nesting',
    auth: async () => ({ token: await good(), extra: nested(200) }),
    reason: 'HANDSHAKE_INVALID',
    stage: 'token',
    details: { issues: [{ path: '', code: 'PAYLOAD_TOO_DEEP' }] },
  },
  {
    name: 'a __proto__ key',
    auth: async () => JSON.parse(`{"token":"${await good()}","__proto__":{"admin":true}}`) as unknown,
    reason: 'HANDSHAKE_INVALID',
    stage: 'token',
    details: { issues: [{ path: '', code: 'PAYLOAD_KEY_FORBIDDEN' }] },
  },
  {
    name: 'U+0000 in a field',
    auth: async () => ({ token: await good(), device_id: 'a\0b' }),
    reason: 'HANDSHAKE_INVALID',
    stage: 'token',
    details: { issues: [{ path: '', code: 'TEXT_INVALID' }] },
  },
  { name: 'a text instead of fields', auth: () => 'my token', reason: 'HANDSHAKE_INVALID', stage: 'token' },
  { name: 'a list instead of fields', auth: () => ['my token'], reason: 'HANDSHAKE_INVALID', stage: 'token' },
];

describe('a refusal', () => {
  it.each(REFUSED)('of $name says what and where, and can be looked up', async ({ auth, options, ...expected }) => {
    const { reason, stage } = expected;
    const { error } = await app.refusal((await auth()) as Record<string, unknown>, options);
    const { code, component, severity, retryable, publicDetails } = CATALOGUE[reason];
    expect(error).toMatchObject({ code, component, reason, severity, retryable, retry_after_ms: null });
    // An expired token is the client's to renew, whereupon it may come back.
    expect(error.close_code).toBe((reason === 'AUTH_TOKEN_EXPIRED' ? 3000 : 3500) + code);
    if (expected.details !== undefined) expect(error.details).toEqual(expected.details);
    expect(Object.keys(error.details ?? {}).filter((key) => !publicDetails.includes(key))).toEqual([]);
    expect(JSON.stringify(error)).not.toMatch(/node_modules|\.ts:|\.js:|stack/);
    const record = await app.recordOf(error);
    expect(record).toMatchObject({ operation: `handshake.${stage}`, code, component, source: '127.0.0.1' });
    expect(record.stack).toContain(' at ');
    const line = app.lines.find(({ support_code }) => support_code === error.support_code);
    expect(line).toMatchObject({ operation: `handshake.${stage}`, reason });
  });

  it('meets whoever asks for a namespace that does not exist', async () => {
    const { error } = await app.refusal({ token: await app.token('lost') }, { namespace: '/chat' });
    expect(error).toMatchObject({ code: 1003, reason: 'HANDSHAKE_INVALID' });
    expect(await app.recordOf(error)).toMatchObject({ operation: 'handshake.session' });
  });

  it('tells neither the log nor the record the token', async () => {
    const token = await app.token('mallory', { aud: 'another' });
    const { error } = await app.refusal({ token });
    const record = await app.recordOf(error);
    expect(JSON.stringify([record, app.lines])).not.toContain(token.split('.')[2]);
  });
});
