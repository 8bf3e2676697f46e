import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { CLIENT_ID, CLIENT_SECRET, OidcProvider } from '../support/oidc-provider';

const PATH = '/token/introspection';

describe('an opaque token of a live connection', () => {
  let provider: OidcProvider;
  let app: ClarionApp;

  beforeAll(async () => {
    provider = await OidcProvider.start();
    const source = { ...provider.environment, AUTH_CLIENT_ID: CLIENT_ID, AUTH_CLIENT_SECRET: CLIENT_SECRET };
    const quick = { AUTH_RECHECK_MS: '1000', AUTH_CACHE_MS: '0' };
    app = await ClarionApp.start({ env: { AUTH_JWT_SECRET: '', AUTH_JWT_ISSUER: '', ...source, ...quick } });
  });

  afterEach(() => {
    provider.proxy.heal();
    expect(app.closeClients()).toEqual([]);
  });

  afterAll(async () => {
    await app.dispose();
    await provider.close();
  });

  const connect = (user: string, token: string): Promise<ChatClient> => app.connect(user, { token });
  const gone = (client: ChatClient) => new Promise((resolve) => client.socket.once('disconnect', resolve));

  async function askedTimes(count: number): Promise<void> {
    const until = provider.count(PATH) + count;
    while (provider.count(PATH) < until) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('is asked about again, and its connection ended when it is good no more', async () => {
    const token = await provider.opaque('alice');
    const [alice, bob] = [await connect('alice', token), await connect('bob', await provider.opaque('bob'))];
    const ended = gone(alice);
    await provider.revoke(token);
    expect(await ended).toBe('io server disconnect');
    expect(alice.ephemeral('error').map(({ error }) => [error.reason, error.close_code])).toEqual([
      ['AUTH_TOKEN_REVOKED', 4502],
    ]);
    await askedTimes(2);
    expect(bob.socket.connected).toBe(true);
  });

  it('is asked about in place of the one before after `auth_refresh`', async () => {
    const [first, second] = [await provider.opaque('carol'), await provider.opaque('carol')];
    const carol = await connect('carol', first);
    expect(await carol.request('auth_refresh', { token: second })).toMatchObject({ ok: true });
    await provider.revoke(first);
    await askedTimes(3);
    expect(carol.socket.connected).toBe(true);
    const ended = gone(carol);
    await provider.revoke(second);
    await ended;
  });

  it('counts as good while the service does not answer', async () => {
    const dave = await connect('dave', await provider.opaque('dave'));
    provider.proxy.refuse();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(dave.socket.connected).toBe(true);
    expect(dave.ephemeral('error')).toEqual([]);
  });

  it('is not asked about where its signature says all', async () => {
    await connect('erin', await provider.jwt('erin'));
    const asked = provider.count(PATH);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    // What is left are the looks of the health checks, with a token of their own.
    expect(provider.count(PATH) - asked).toBeLessThanOrEqual(1);
  });
});
