import type { ComponentDetail, ComponentReport } from '@clarion/protocol';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { CLIENT_ID, CLIENT_SECRET, OidcProvider } from '../support/oidc-provider';

const NO_SECRET = { AUTH_JWT_SECRET: '', AUTH_JWT_ISSUER: '' };
const HEALED_WITHIN_MS = 10_000;

let provider: OidcProvider;
let app: ClarionApp;

const seconds = () => Math.floor(Date.now() / 1000);

async function componentOf(): Promise<ComponentDetail | undefined> {
  const report = (await (await app.request('/health/components')).json()) as ComponentReport;
  return report.component_details['auth'];
}

/** Polls, as a probe does. */
async function untilHealth(status: string): Promise<ComponentDetail> {
  const limit = Date.now() + HEALED_WITHIN_MS;
  for (;;) {
    const found = await componentOf();
    if (found?.status === status) return found;
    if (Date.now() > limit) throw new Error(`auth did not become ${status}: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function start(environment: Record<string, string>): Promise<void> {
  provider = await OidcProvider.start();
  const env = { ...NO_SECRET, HEALTH_DETAILS: 'always', ...provider.environment, ...environment };
  app = await ClarionApp.start({ env });
}

afterEach(async () => {
  await app.dispose();
  await provider.close();
});

const connect = (user: string, token: string) => app.connect(user, { token });

async function works(client: ChatClient): Promise<void> {
  const { run_id } = await client.drill({ tokens: 2, per_second: 0 });
  expect((await client.ended(run_id)).type).toBe('agent_completed');
}

describe('with a discovered issuer and opaque tokens', () => {
  beforeEach(() => start({ AUTH_CLIENT_ID: CLIENT_ID, AUTH_CLIENT_SECRET: CLIENT_SECRET, AUTH_CACHE_MS: '0' }));

  it('users and admins sign in', async () => {
    await works(await connect('alice', await provider.opaque('alice')));
    await works(await connect('bob', await provider.jwt('bob')));
    const admin = await provider.opaque('root', { scope: 'admin' });
    const response = await app.request('/admin/session', {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}` },
    });
    expect(response.status).toBe(200);
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await app.request('/admin/api/errors', { headers: { cookie } })).status).toBe(200);
  });

  it('an outage keeps live connections, tells others that it is not their fault, and is over by itself', async () => {
    const live = await connect('alice', await provider.opaque('alice'));
    const [token, refreshed] = [await provider.opaque('bob'), await provider.opaque('alice')];
    provider.proxy.refuse();
    const began = Date.now();
    const { error } = await app.refusal({ token });
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(error).toMatchObject({
      code: 1002,
      component: 'Authentication',
      reason: 'AUTH_SERVICE_UNAVAILABLE',
      retryable: true,
    });
    expect(app.lines.find((line) => line['support_code'] === error.support_code)).toMatchObject({
      operation: 'handshake.token',
      private_details: { endpoint: 'introspection', url: provider.introspectionUrl },
    });
    expect(await live.request('auth_refresh', { token: refreshed })).toMatchObject({
      ok: false,
      error: { code: 1002 },
    });
    await works(live);
    expect(await untilHealth('degraded')).toMatchObject({
      error_code: 1002,
      details: { verifier: 'key set and introspection' },
    });
    provider.proxy.heal();
    await untilHealth('healthy');
    await works(await connect('bob', token));
    expect(live.socket.connected).toBe(true);
  });

  it('a token that ends during an outage keeps its connection until the service is back', async () => {
    const client = await connect('alice', await endingSoon());
    const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
    provider.proxy.refuse();
    await app.refusal({ token: 'any' });
    await client.until(() => client.ephemeral('auth_expiring')[0]);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await works(client);
    provider.proxy.heal();
    expect(await gone).toBe('transport close');
    expect(client.ephemeral('error').at(-1)?.error.reason).toBe('AUTH_TOKEN_EXPIRED');
  });

  it('credentials of ours that are refused are critical, and named to the admin alone', async () => {
    provider.answerBy((request, response) => {
      if (request.url !== '/token/introspection') return false;
      response.writeHead(401).end('{"error":"invalid_client"}');
      return true;
    });
    const { error } = await app.refusal({ token: await provider.opaque('alice') });
    expect(error).toMatchObject({ reason: 'AUTH_CREDENTIALS_REFUSED', severity: 'critical', retryable: true });
    expect(error.user_notification.user_friendly_message).toContain('not your fault');
    expect(error.details).toBeNull();
    expect((await untilHealth('degraded')).suggestion).toContain('AUTH_CLIENT_SECRET');
  });

  /** Three seconds later nobody would accept it any more. */
  async function endingSoon(): Promise<string> {
    const claims = { active: true, sub: 'alice', aud: 'urn:clarion', exp: seconds() - 27 };
    provider.answerBy((request, response) => {
      if (request.url !== '/token/introspection') return false;
      response.end(JSON.stringify(claims));
      return true;
    });
    return 'ends-in-three-seconds';
  }
});

describe('with a discovered issuer', () => {
  beforeEach(() => start({ AUTH_KEYS_REFRESH_MS: '1000' }));

  it('tokens are accepted as degraded while it is away, and it is discovered again by itself', async () => {
    await works(await connect('alice', await provider.jwt('alice')));
    provider.proxy.hang();
    const found = await untilHealth('degraded');
    expect(found).toMatchObject({ reason: 'AUTH_SERVICE_TIMEOUT', details: { verifier: 'key set' } });
    await works(await connect('bob', await provider.jwt('bob')));
    provider.rotate('ES256', true);
    provider.proxy.heal();
    await untilHealth('healthy');
    await works(await connect('carol', await provider.jwt('carol')));
  });
});

describe('with signing in switched off', () => {
  it('everybody is told so, and a report says what to do', async () => {
    await start({ AUTH_ENABLED: '0' });
    const { error } = await app.refusal({ token: await provider.jwt('alice') });
    expect(error).toMatchObject({ reason: 'AUTH_SERVICE_DISABLED', retryable: true, retry_after_ms: 30_000 });
    expect(await untilHealth('degraded')).toMatchObject({ suggestion: expect.stringContaining('AUTH_ENABLED') });
  });
});
