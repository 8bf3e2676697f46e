import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { createTestDatabase, type TestDatabase } from '../support/database';

const WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
/** How long the verifier accepts a token beyond its end. */
const LEEWAY_SECONDS = 30;
const TOKEN_SECONDS = 6;
const WITHIN_MS = 5_000;

let database: TestDatabase;
let app: ClarionApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await ClarionApp.start({ database, env: { AUTH_REVOCATION_SECRET: WEBHOOK_SECRET } });
});

afterEach(() => {
  expect(app.closeClients()).toEqual([]);
});

afterAll(async () => {
  await app.dispose();
  await database.drop();
});

const newUser = () => `user-${randomUUID()}`;
const seconds = () => Math.floor(Date.now() / 1000);
/** A token whose connection ends in about so many seconds. */
const endingIn = (user: string, left: number) => app.token(user, { exp: seconds() - LEEWAY_SECONDS + left });
const disconnected = (client: ChatClient) => new Promise((resolve) => client.socket.once('disconnect', resolve));
const reasonsTold = (client: ChatClient) => client.ephemeral('error').map(({ error }) => error.reason);

interface Sending {
  readonly secret?: string;
  readonly at?: Date;
  readonly tampered?: boolean;
}

/** What an issuer sends. */
function announce(event: object, { secret = WEBHOOK_SECRET, at = new Date(), tampered = false }: Sending = {}) {
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json',
    'webhook-id': randomUUID(),
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
  };
  const signature = new Webhook(secret).sign(headers['webhook-id'], at, body);
  const init = { method: 'POST', headers: { ...headers, 'webhook-signature': signature } };
  return app.request('/auth/revocations', { ...init, body: tampered ? body.replace('revoked', 'revoked ') : body });
}

const revocation = (data: object) => ({ type: 'token.revoked', timestamp: new Date().toISOString(), data });

describe('the end of a token', () => {
  it('is warned of, then told, and the transport closed so that a client may come back', async () => {
    const user = newUser();
    // Long enough to be connected for some seconds before: a connection that ends at once is not warned.
    const client = await app.connect(user, { token: await endingIn(user, TOKEN_SECONDS) });
    const gone = disconnected(client);
    const warning = await client.until(() => client.ephemeral('auth_expiring')[0]);
    expect(Math.abs(Date.parse(warning.expires_at) - Date.now() + LEEWAY_SECONDS * 1000)).toBeLessThan(
      TOKEN_SECONDS * 1000,
    );
    expect(await gone).toBe('transport close');
    expect(client.ephemeral('error')[0]?.error).toMatchObject({
      code: 1002,
      reason: 'AUTH_TOKEN_EXPIRED',
      close_code: 4002,
      user_id: user,
    });
    expect(client.ephemeral('auth_expiring')).toHaveLength(1);
  });

  it('is put off by `auth_refresh`', async () => {
    const user = newUser();
    const client = await app.connect(user, { token: await endingIn(user, 3) });
    const exp = seconds() + 50;
    const answer = await client.request('auth_refresh', { token: await app.token(user, { exp }) });
    expect(answer).toEqual({ ok: true, expires_at: new Date(exp * 1000).toISOString() });
    await client.until(() =>
      client.ephemeral('auth_expiring').find(({ expires_at }) => Date.parse(expires_at) > Date.now()),
    );
    await delay(4_000);
    expect(client.socket.connected).toBe(true);
    expect((await client.ended((await client.drill({ tokens: 2, per_second: 0 })).run_id)).type).toBe(
      'agent_completed',
    );
  });

  it.each([
    ['AUTH_USER_MISMATCH', 'of another user', () => app.token('somebody-else')],
    ['AUTH_TOKEN_EXPIRED', 'that has ended', (user: string) => app.token(user, { exp: seconds() - 100 })],
    ['AUTH_TOKEN_AUDIENCE', 'for another audience', (user: string) => app.token(user, { aud: 'another' })],
    ['AUTH_TOKEN_MALFORMED', 'that is none', () => Promise.resolve('token')],
  ])('answers %s to a refresh with a token %s, and goes on', async (reason, _, token) => {
    const user = newUser();
    const client = await app.connect(user);
    const answer = await client.request('auth_refresh', { token: await token(user) });
    expect(answer).toMatchObject({ ok: false, error: { code: 1002, reason, user_id: user } });
    expect(await client.request('health_check', {})).toMatchObject({ ok: true });
  });

  it('of an admin is that of their rights, as soon as another token says so', async () => {
    const client = await app.connect('root', { token: await app.adminToken() });
    const details = async () => {
      const answer = await client.request('health_check', {});
      return answer.ok && Object.keys(answer.report.component_details['auth'] ?? {}).length > 1;
    };
    expect(await details()).toBe(true);
    await client.request('auth_refresh', { token: await app.token('root') });
    expect(await details()).toBe(false);
  });
});

describe('a revocation', () => {
  const connected = async (user: string, claims: Record<string, unknown> = {}) => {
    const token = await app.token(user, claims);
    return { token, client: await app.connect(user, { token, device_id: randomUUID() }) };
  };

  async function expectThrownOut(client: ChatClient, gone: Promise<unknown>, since: number): Promise<void> {
    expect(await gone).toBe('io server disconnect');
    expect(Date.now() - since).toBeLessThan(WITHIN_MS);
    expect(client.ephemeral('error').at(-1)?.error).toMatchObject({
      reason: 'AUTH_TOKEN_REVOKED',
      close_code: 4502,
      retryable: false,
    });
  }

  it.each<[string, (token: string, jti: string) => object]>([
    ['by its hash', (token) => ({ token_sha256: createHash('sha256').update(token).digest('hex') })],
    ['by its id', (_token, jti) => ({ jti })],
  ])('of a token %s ends its connections, and no others', async (_, data) => {
    const user = newUser();
    const jti = randomUUID();
    const [revoked, other] = [await connected(user, { jti }), await connected(user)];
    const [gone, since] = [disconnected(revoked.client), Date.now()];
    expect((await announce(revocation(data(revoked.token, jti)))).status).toBe(204);
    await expectThrownOut(revoked.client, gone, since);
    expect((await app.refusal({ token: revoked.token })).error).toMatchObject({ reason: 'AUTH_TOKEN_REVOKED' });
    expect(other.client.socket.connected).toBe(true);
    expect(reasonsTold(other.client)).toEqual([]);
  });

  it('of a user ends what was signed in before, not what comes after', async () => {
    const user = newUser();
    const before = await connected(user, { iat: seconds() - 10 });
    const undated = await connected(user, { iat: undefined });
    const gone = [disconnected(before.client), disconnected(undated.client)];
    const event = revocation({ sub: user });
    expect((await announce(event)).status).toBe(204);
    expect(await Promise.all(gone)).toEqual(['io server disconnect', 'io server disconnect']);
    const after = await connected(user, { iat: seconds() + 1 });
    expect((await announce(event)).status).toBe(204);
    await delay(1_500);
    expect(after.client.socket.connected).toBe(true);
    const answer = await after.client.request('auth_refresh', { token: before.token });
    expect(answer).toMatchObject({ ok: false, error: { reason: 'AUTH_TOKEN_REVOKED' } });
  });

  it('that another process was told of is in force here within five seconds', async () => {
    const jti = randomUUID();
    const { token, client } = await connected(newUser(), { jti });
    const [gone, since] = [disconnected(client), Date.now()];
    await app.query(`INSERT INTO revocations (kind, value, expires_at) VALUES ('jti', $1, now() + interval '1 hour')`, [
      jti,
    ]);
    await expectThrownOut(client, gone, since);
    expect((await app.refusal({ token })).error.reason).toBe('AUTH_TOKEN_REVOKED');
  });

  it('survives a restart', async () => {
    const jti = randomUUID();
    await announce(revocation({ jti }));
    const restarted = await restart();
    try {
      expect((await restarted.refusal({ token: await app.token('alice', { jti }) })).error.reason).toBe(
        'AUTH_TOKEN_REVOKED',
      );
    } finally {
      await restarted.dispose();
      app = await ClarionApp.start({ database, env: { AUTH_REVOCATION_SECRET: WEBHOOK_SECRET } });
    }
  });

  async function restart(): Promise<ClarionApp> {
    app.closeClients();
    await app.dispose();
    return ClarionApp.start({ database, env: { AUTH_REVOCATION_SECRET: WEBHOOK_SECRET } });
  }

  it.each<[string, Sending]>([
    ['another secret', { secret: `whsec_${randomBytes(32).toString('base64')}` }],
    ['a moment too long ago', { at: new Date(Date.now() - 360_000) }],
    ['another body', { tampered: true }],
  ])('is refused when it is signed with %s', async (_, how) => {
    const { client } = await connected(newUser(), { jti: 'not-revoked' });
    const response = await announce(revocation({ jti: 'not-revoked' }), how);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 1002, reason: 'AUTH_WEBHOOK_SIGNATURE' });
    expect(client.socket.connected).toBe(true);
  });

  it.each([
    ['an unknown type', { ...revocation({ jti: 'x' }), type: 'token.issued' }],
    ['nothing to revoke', revocation({})],
    ['two things to revoke', revocation({ jti: 'x', sub: 'y' })],
    ['a hash that is none', revocation({ token_sha256: 'x' })],
    [
      'a moment that is still to come',
      revocation({ sub: 'x', before: new Date(Date.now() + 3_600_000).toISOString() }),
    ],
  ])('is refused with %s', async (_, event) => {
    const response = await announce(event);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ reason: 'HTTP_REQUEST_INVALID' });
  });
});
