import { setTimeout as delay } from 'node:timers/promises';
import { OidcProvider } from '../../../test/support/oidc-provider';
import type { TokenVerifier } from '../token-verifier';
import type { RemoteAuth } from './remote-auth';
import { failureOf, refusalOf, verifierFor } from './verifiers.fixture';

let provider: OidcProvider;
let verifier: TokenVerifier;
let remote: RemoteAuth;

async function start(changes: Record<string, string> = {}): Promise<void> {
  ({ verifier, remote } = await verifierFor({ ...provider.environment, AUTH_TIMEOUT_MS: '1000', ...changes }));
}

beforeEach(async () => {
  provider = await OidcProvider.start();
  await start();
});

afterEach(() => provider.close());

/** With the header of one token and the claims of another, so that its key is one that nobody has. */
async function ofUnknownKey(): Promise<string> {
  const [header = '', claims, signature] = (await provider.jwt('eve')).split('.');
  const changed = {
    ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object),
    kid: `key-${Math.random()}`,
  };
  return [Buffer.from(JSON.stringify(changed)).toString('base64url'), claims, signature].join('.');
}

const payloadOf = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object;

describe('a key set', () => {
  it('is read once for a hundred tokens that come at the same time, and kept', async () => {
    const token = await provider.jwt('alice');
    await Promise.all(Array.from({ length: 100 }, () => verifier.verify(token)));
    await verifier.verify(await provider.jwt('bob'));
    expect([provider.count('/jwks'), provider.count('/.well-known/openid-configuration')]).toEqual([1, 1]);
  });

  it.each(['RS256', 'PS256', 'ES256'] as const)(
    'verifies %s, and refuses what only looks like it',
    async (algorithm) => {
      provider.rotate(algorithm, true);
      const token = await provider.jwt('alice');
      expect(await refusalOf(verifier, token)).toBe('accepted');
      expect(await refusalOf(verifier, `${token.split('.').slice(0, 2).join('.')}.AAAA`)).toBe('AUTH_TOKEN_SIGNATURE');
    },
  );

  it('verifies EdDSA where it is allowed, by the same rules', async () => {
    provider.rotate('EdDSA', true);
    const token = await provider.jwt('alice');
    expect(await refusalOf(verifier, token)).toBe('AUTH_ALGORITHM_NOT_ALLOWED');
    await start({ AUTH_JWT_ALGORITHMS: 'EdDSA,ES256' });
    expect(await refusalOf(verifier, token)).toBe('accepted');
    const [header = '', claims = '', signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...payloadOf(claims), sub: 'eve' })).toString('base64url');
    expect(await refusalOf(verifier, [header, forged, signature].join('.'))).toBe('AUTH_TOKEN_SIGNATURE');
    expect(await refusalOf(verifier, [header, claims, 'AAAA'].join('.'))).toBe('AUTH_TOKEN_SIGNATURE');
    expect(await refusalOf(verifier, await provider.jwt('alice', { ttl: -60 }))).toBe('AUTH_TOKEN_EXPIRED');
    expect(await refusalOf(verifier, await provider.jwt('alice', { ttl: -10 }))).toBe('accepted');
    expect(await refusalOf(verifier, await provider.jwt('alice', { audience: 'urn:other' }))).toBe(
      'AUTH_TOKEN_AUDIENCE',
    );
    provider.rotate('ES256');
    expect(await refusalOf(verifier, await provider.jwt('bob'))).toBe('accepted');
    provider.rotate('RS256');
    expect(await refusalOf(verifier, await provider.jwt('bob'))).toBe('AUTH_ALGORITHM_NOT_ALLOWED');
  });

  it('lets nobody down while keys are rotated under load', async () => {
    const outcomes: Promise<string>[] = [];
    for (let round = 0; round < 40; round += 1) {
      if (round % 10 === 5) provider.rotate('ES256');
      outcomes.push(refusalOf(verifier, await provider.jwt(`user-${round}`)));
      await delay(20);
    }
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['accepted']));
    expect(provider.count('/jwks')).toBeLessThanOrEqual(6);
  });

  it('is not read for every key that somebody makes up', async () => {
    const forged = await Promise.all(Array.from({ length: 50 }, () => ofUnknownKey()));
    await verifier.verify(await provider.jwt('alice'));
    const reasons = await Promise.all(forged.map((token) => refusalOf(verifier, token)));
    expect(new Set(reasons)).toEqual(new Set(['AUTH_TOKEN_SIGNATURE']));
    expect(provider.count('/jwks')).toBe(2);
  });

  it('is read again when it is old: a key that was withdrawn counts no more', async () => {
    await start({ AUTH_KEYS_REFRESH_MS: '100' });
    const token = await provider.jwt('alice');
    await verifier.verify(token);
    provider.rotate('RS256', true);
    await delay(1_100);
    await remote.keys?.probe();
    expect(await refusalOf(verifier, token)).toBe('AUTH_TOKEN_SIGNATURE');
  });

  it('is not believed of an issuer that is another', async () => {
    await start({ AUTH_ISSUER: `${provider.issuer}/` });
    const failure = await failureOf(verifier, await provider.jwt('alice'));
    expect(failure).toMatchObject({ reason: 'AUTH_SERVICE_INVALID_ANSWER', details: { endpoint: 'discovery' } });
  });

  it.each([
    ['empty', '{"keys":[]}'],
    ['no key set', '{}'],
    ['a page', '<html>'],
  ])('that is %s leaves the one before in force', async (_, body) => {
    await start({ AUTH_KEYS_REFRESH_MS: '100' });
    const token = await provider.jwt('alice');
    await verifier.verify(token);
    provider.answerBy((request, response) => {
      if (request.url === '/jwks') response.end(body);
      return request.url === '/jwks';
    });
    await delay(1_100);
    await expect(remote.keys?.probe()).rejects.toMatchObject({ reason: 'AUTH_SERVICE_INVALID_ANSWER' });
    expect(await refusalOf(verifier, token)).toBe('accepted');
  });
});

describe('while the issuer is away', () => {
  const goAway = async () => {
    await delay(1_000);
    provider.proxy.refuse();
    expect(await refusalOf(verifier, await ofUnknownKey())).toBe('AUTH_SERVICE_UNAVAILABLE');
  };

  it('tokens are verified by the keys at hand', async () => {
    await verifier.verify(await provider.jwt('alice'));
    await goAway();
    expect(await refusalOf(verifier, await provider.jwt('bob'))).toBe('accepted');
  });

  it('they are refused where AUTH_OUTAGE_POLICY says so, for a reason that is not theirs', async () => {
    await start({ AUTH_OUTAGE_POLICY: 'refuse' });
    await verifier.verify(await provider.jwt('alice'));
    await goAway();
    expect(await refusalOf(verifier, await provider.jwt('bob'))).toBe('AUTH_SERVICE_UNAVAILABLE');
  });

  it('nothing is said about a token where there never were keys', async () => {
    provider.proxy.hang();
    expect(await refusalOf(verifier, await provider.jwt('alice'))).toBe('AUTH_SERVICE_TIMEOUT');
  });

  it('it is found again, wherever it keeps its keys by then', async () => {
    await verifier.verify(await provider.jwt('alice'));
    await goAway();
    const discovered = provider.count('/.well-known/openid-configuration');
    provider.proxy.heal();
    provider.rotate('RS256', true);
    await delay(1_000);
    await remote.keys?.probe();
    expect(provider.count('/.well-known/openid-configuration')).toBe(discovered + 1);
    expect(remote.keys?.outage).toBeNull();
    expect(await refusalOf(verifier, await provider.jwt('bob'))).toBe('accepted');
  });
});
