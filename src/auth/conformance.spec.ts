import { OidcProvider } from '../../test/support/oidc-provider';
import { refusalOf, verifierFor } from './remote/verifiers.fixture';
import type { TokenVerifier } from './token-verifier';

interface Setup {
  readonly environment: (provider: OidcProvider) => Record<string, string>;
  readonly token: 'jwt' | 'opaque';
}

const named = (provider: OidcProvider) => ({ AUTH_JWT_ISSUER: provider.issuer, AUTH_JWT_AUDIENCE: 'urn:clarion' });

const SETUPS: [string, Setup][] = [
  ['a key set', { environment: (by) => ({ ...named(by), AUTH_JWKS_URL: by.jwksUrl }), token: 'jwt' }],
  ['a discovered issuer', { environment: (by) => by.environment, token: 'jwt' }],
  ['a discovered issuer with a client', { environment: (by) => ({ ...by.environment, ...by.client }), token: 'jwt' }],
  [
    'a discovered issuer with a client, opaque tokens',
    { environment: (by) => ({ ...by.environment, ...by.client }), token: 'opaque' },
  ],
  [
    'introspection',
    {
      environment: (by) => ({ ...named(by), ...by.client, AUTH_INTROSPECTION_URL: by.introspectionUrl }),
      token: 'opaque',
    },
  ],
];

describe.each(SETUPS)('a verifier by %s', (_, { environment, token }) => {
  let provider: OidcProvider;
  let verifier: TokenVerifier;

  beforeAll(async () => {
    provider = await OidcProvider.start();
    ({ verifier } = await verifierFor(environment(provider)));
  });

  afterAll(() => provider.close());

  it('says who is calling, with scopes and end', async () => {
    const text = await provider[token]('alice', { scope: 'chat admin', ttl: 600 });
    const principal = await verifier.verify(text);
    expect(principal).toMatchObject({ user_id: 'alice', admin: true, scopes: new Set(['chat', 'admin']) });
    expect(principal.token_sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(Math.abs(principal.expires_at.getTime() - Date.now() - 600_000)).toBeLessThan(10_000);
    expect(Math.abs((principal.issued_at?.getTime() ?? 0) - Date.now())).toBeLessThan(10_000);
  });

  it('takes a token without scopes as that of an ordinary user', async () => {
    expect(await verifier.verify(await provider[token]('bob'))).toMatchObject({ user_id: 'bob', admin: false });
  });

  it('refuses a token for another audience', async () => {
    const text = await provider[token]('alice', { audience: 'urn:another' });
    expect(await refusalOf(verifier, text)).toBe('AUTH_TOKEN_AUDIENCE');
  });

  it('refuses a user id that is none', async () => {
    expect(await refusalOf(verifier, await provider[token]('x'.repeat(129)))).toBe('AUTH_TOKEN_SUBJECT');
  });

  it('refuses a token of somebody else', async () => {
    const stranger = await OidcProvider.start();
    try {
      const reason = token === 'jwt' ? 'AUTH_TOKEN_SIGNATURE' : 'AUTH_TOKEN_INACTIVE';
      const text = token === 'jwt' ? await stranger.jwt('alice') : 'a-token-that-nobody-has';
      expect(await refusalOf(verifier, text)).toBe(reason);
    } finally {
      await stranger.close();
    }
  });

  it.each([
    ['AUTH_TOKEN_MISSING', ''],
    ['AUTH_TOKEN_MALFORMED', 'two words'],
    ['AUTH_TOKEN_MALFORMED', 'x'.repeat(16_385)],
  ])('answers %s without asking anybody', async (reason, text) => {
    const asked = provider.requests.length;
    expect(await refusalOf(verifier, text)).toBe(reason);
    expect(provider.requests).toHaveLength(asked);
  });

  it('keeps simultaneous verifications apart', async () => {
    const users = Array.from({ length: 20 }, (_unused, index) => `user-${index}`);
    const tokens = await Promise.all(users.map((user) => provider[token](user)));
    const principals = await Promise.all(tokens.map((text) => verifier.verify(text)));
    expect(principals.map(({ user_id }) => user_id)).toEqual(users);
  });
});
