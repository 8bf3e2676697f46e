import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { OidcProvider } from '../../../test/support/oidc-provider';
import type { TokenVerifier } from '../token-verifier';
import type { RemoteAuth } from './remote-auth';
import { failureOf, refusalOf, verifierFor } from './verifiers.fixture';

const PATH = '/token/introspection';

let provider: OidcProvider;
let verifier: TokenVerifier;
let remote: RemoteAuth;

const environment = (changes: Record<string, string> = {}) => ({
  ...provider.client,
  AUTH_INTROSPECTION_URL: provider.introspectionUrl,
  AUTH_TIMEOUT_MS: '1000',
  ...changes,
});

async function start(changes: Record<string, string> = {}): Promise<void> {
  ({ verifier, remote } = await verifierFor(environment(changes)));
}

beforeAll(async () => {
  provider = await OidcProvider.start();
});

beforeEach(() => start());

afterEach(() => {
  provider.answerBy(null);
  provider.proxy.heal();
});

afterAll(() => provider.close());

/** Every question is answered like this. */
function answerWith(status: number, body: string, headers: Record<string, string> = {}): void {
  provider.answerBy((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    return true;
  });
}

const answerActive = (claims: object) => answerWith(200, JSON.stringify({ active: true, sub: 'alice', ...claims }));

function onTheWire(write: (response: ServerResponse) => void): void {
  provider.answerBy((_request, response) => {
    write(response);
    return true;
  });
}

const seconds = () => Math.floor(Date.now() / 1000);

describe('a failure of the service', () => {
  it.each<[string, string, () => void]>([
    ['AUTH_SERVICE_UNAVAILABLE', 'refuses connections', () => provider.proxy.refuse()],
    ['AUTH_SERVICE_TIMEOUT', 'hangs', () => provider.proxy.hang()],
    [
      'AUTH_SERVICE_TIMEOUT',
      'is slow',
      () => onTheWire((response) => void setTimeout(() => response.end('{}'), 1_500)),
    ],
    ['AUTH_SERVICE_TIMEOUT', 'begins an answer only', () => onTheWire((response) => void response.write('{"active":'))],
    ['AUTH_SERVICE_UNAVAILABLE', 'answers 500', () => answerWith(500, '{"error":"server_error"}')],
    ['AUTH_SERVICE_UNAVAILABLE', 'answers 503 in HTML', () => answerWith(503, '<html>')],
    ['AUTH_SERVICE_UNAVAILABLE', 'has too many questions', () => answerWith(429, '')],
    [
      'AUTH_SERVICE_INVALID_ANSWER',
      'speaks no HTTP',
      () => onTheWire((response) => response.socket?.end('SSH-2.0\r\n\r\n')),
    ],
    ['AUTH_SERVICE_INVALID_ANSWER', 'answers a page', () => answerWith(200, '<html>Sign in</html>')],
    ['AUTH_SERVICE_INVALID_ANSWER', 'answers without `active`', () => answerWith(200, '{"sub":"alice"}')],
    ['AUTH_SERVICE_INVALID_ANSWER', 'answers text as `active`', () => answerWith(200, '{"active":"true","sub":"eve"}')],
    ['AUTH_SERVICE_INVALID_ANSWER', 'answers a list', () => answerWith(200, '[]')],
    ['AUTH_SERVICE_INVALID_ANSWER', 'is not there', () => answerWith(404, '{"error":"invalid_request"}')],
    ['AUTH_SERVICE_INVALID_ANSWER', 'sends elsewhere', () => answerWith(302, '', { location: provider.jwksUrl })],
    [
      'AUTH_SERVICE_INVALID_ANSWER',
      'answers a megabyte',
      () => answerWith(200, `{"active":true,"x":"${'x'.repeat(1e6)}"}`),
    ],
    ['AUTH_CREDENTIALS_REFUSED', 'knows us no more', () => answerWith(401, '{"error":"invalid_client"}')],
    ['AUTH_CREDENTIALS_REFUSED', 'says so by 400', () => answerWith(400, '{"error":"invalid_client"}')],
    ['AUTH_CREDENTIALS_REFUSED', 'forbids us to ask', () => answerWith(403, '')],
  ])('is %s where it %s', async (reason, _, breakIt) => {
    const token = await provider.opaque('alice');
    breakIt();
    const failure = await failureOf(verifier, token);
    expect(failure).toMatchObject({ reason, details: { endpoint: 'introspection', url: provider.introspectionUrl } });
    expect(remote.introspector?.outage?.reason).toBe(reason);
    expect(JSON.stringify(failure?.details)).not.toContain(token);
  });

  it('is that our own credentials are refused, where the real provider does so', async () => {
    await start({ AUTH_CLIENT_SECRET: 'another secret' });
    const failure = await failureOf(verifier, await provider.opaque('alice'));
    expect(failure).toMatchObject({ reason: 'AUTH_CREDENTIALS_REFUSED', details: { status: 401 } });
    expect(failure?.definition).toMatchObject({ severity: 'critical', retryable: true });
  });

  it('is over with the next good answer', async () => {
    answerWith(500, '');
    expect(await refusalOf(verifier, await provider.opaque('alice'))).toBe('AUTH_SERVICE_UNAVAILABLE');
    provider.answerBy(null);
    expect(await refusalOf(verifier, await provider.opaque('alice'))).toBe('accepted');
    expect(remote.introspector?.outage).toBeNull();
  });

  it('of which half are is trouble that a good answer does not end, until there was none for seconds', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      answerWith(401, '{"error":"invalid_client"}');
      await refusalOf(verifier, await provider.opaque('alice'));
      provider.answerBy(null);
      expect(await refusalOf(verifier, await provider.opaque('alice'))).toBe('accepted');
    }
    expect(remote.introspector?.outage).toBeNull();
    expect(remote.introspector?.trouble).toMatchObject({
      calls: 6,
      failures: 3,
      cause: { reason: 'AUTH_CREDENTIALS_REFUSED' },
    });
  });

  it('is not one where a second try helps', async () => {
    let cut = 0;
    provider.answerBy((request) => {
      if (cut++ > 0) return false;
      request.socket.destroy();
      return true;
    });
    expect(await refusalOf(verifier, await provider.opaque('alice'))).toBe('accepted');
    expect(cut).toBe(2);
  });

  it('opens the circuit after five, and a moment later one question closes it again', async () => {
    provider.proxy.refuse();
    const reasons: string[] = [];
    for (let count = 0; count < 7; count += 1) reasons.push(await refusalOf(verifier, `token-${count}`));
    const asked = provider.count(PATH);
    expect(reasons.slice(0, 5)).toEqual(Array<string>(5).fill('AUTH_SERVICE_UNAVAILABLE'));
    expect(reasons.slice(5)).toEqual(['AUTH_CIRCUIT_OPEN', 'AUTH_CIRCUIT_OPEN']);
    expect(remote.introspector?.outage?.reason).toBe('AUTH_SERVICE_UNAVAILABLE');
    provider.proxy.heal();
    await delay(2_100);
    expect(await refusalOf(verifier, await provider.opaque('alice'))).toBe('accepted');
    expect(provider.count(PATH)).toBe(asked + 1);
  });

  it('is found, and found to be over, by a canary', async () => {
    await remote.introspector?.probe();
    const asked = provider.count(PATH);
    await remote.introspector?.probe();
    expect(provider.count(PATH)).toBe(asked);
    await start();
    provider.proxy.refuse();
    await expect(remote.introspector?.probe()).rejects.toMatchObject({ reason: 'AUTH_SERVICE_UNAVAILABLE' });
    provider.proxy.heal();
    await remote.introspector?.probe();
    expect(remote.introspector?.outage).toBeNull();
  });
});

describe('an answer', () => {
  it('is asked for once by a hundred who bring the same token at the same time', async () => {
    const token = await provider.opaque('alice');
    const asked = provider.count(PATH);
    const principals = await Promise.all(Array.from({ length: 100 }, () => verifier.verify(token)));
    expect(new Set(principals.map(({ user_id }) => user_id))).toEqual(new Set(['alice']));
    expect(provider.count(PATH)).toBe(asked + 1);
  });

  it('that fails a hundred is a failure of its own for each of them', async () => {
    provider.proxy.refuse();
    const failures = await Promise.all(Array.from({ length: 100 }, () => failureOf(verifier, 'a-token')));
    expect(new Set(failures).size).toBe(100);
    expect(new Set(failures.map((failure) => failure?.reason))).toEqual(new Set(['AUTH_SERVICE_UNAVAILABLE']));
  });

  it('is believed for AUTH_CACHE_MS', async () => {
    await start({ AUTH_CACHE_MS: '400' });
    const token = await provider.opaque('alice');
    const asked = provider.count(PATH);
    await verifier.verify(token);
    provider.proxy.refuse();
    await verifier.verify(token);
    expect(provider.count(PATH)).toBe(asked + 1);
    await delay(450);
    expect(await refusalOf(verifier, token)).toBe('AUTH_SERVICE_UNAVAILABLE');
  });

  it('is not believed beyond the end of its token', async () => {
    answerActive({ exp: seconds() - 29 });
    await verifier.verify('ends-in-a-second');
    await delay(1_100);
    expect(await refusalOf(verifier, 'ends-in-a-second')).toBe('AUTH_TOKEN_EXPIRED');
  });

  it('of a refusal is remembered for a moment only', async () => {
    const token = 'not-issued-yet';
    const asked = provider.count(PATH);
    for (let count = 0; count < 5; count += 1) expect(await refusalOf(verifier, token)).toBe('AUTH_TOKEN_INACTIVE');
    expect(provider.count(PATH)).toBe(asked + 1);
    await delay(3_050);
    answerActive({});
    expect(await refusalOf(verifier, token)).toBe('accepted');
  });

  it('is forgotten where too many are remembered', async () => {
    await start({ AUTH_CACHE_ENTRIES: '2' });
    const tokens = await Promise.all(['a', 'b', 'c'].map((user) => provider.opaque(user)));
    for (const token of tokens) await verifier.verify(token);
    const asked = provider.count(PATH);
    for (const token of tokens.slice(1)) await verifier.verify(token);
    expect(provider.count(PATH)).toBe(asked);
    await verifier.verify(tokens[0] ?? '');
    expect(provider.count(PATH)).toBe(asked + 1);
  });

  it('changes when the token is revoked at the service', async () => {
    await start({ AUTH_CACHE_MS: '0' });
    const token = await provider.opaque('alice');
    expect(await refusalOf(verifier, token)).toBe('accepted');
    await provider.revoke(token);
    expect(await refusalOf(verifier, token)).toBe('AUTH_TOKEN_INACTIVE');
  });

  it('that names no end counts for an hour', async () => {
    answerActive({});
    const { expires_at } = await verifier.verify('endless');
    expect(Math.abs(expires_at.getTime() - Date.now() - 3_600_000)).toBeLessThan(10_000);
  });

  it.each([
    ['AUTH_TOKEN_EXPIRED', 'ended', { exp: 1_000_000_000 }],
    ['AUTH_TOKEN_NOT_YET_VALID', 'not begun', { nbf: 9_000_000_000 }],
    ['AUTH_TOKEN_SUBJECT', 'no user', { sub: undefined, aud: 'clarion' }],
    ['AUTH_TOKEN_ISSUER', 'another issuer', { iss: 'https://another.example' }],
    ['AUTH_TOKEN_AUDIENCE', 'no audience', {}],
  ])('is %s for an active token that has %s', async (reason, _, claims) => {
    await start({ AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'clarion' });
    answerActive(claims);
    expect(await refusalOf(verifier, 'a-token')).toBe(reason);
  });

  it('that a token cannot be introspected makes it inactive', async () => {
    expect(await refusalOf(verifier, await provider.jwt('alice'))).toBe('AUTH_TOKEN_INACTIVE');
  });
});
