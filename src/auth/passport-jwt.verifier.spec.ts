import { createHash, createHmac, createSecretKey, generateKeyPairSync, sign } from 'node:crypto';
import { ComponentError } from '../errors';
import { PassportJwtStrategy } from './passport-jwt.strategy';
import { PassportJwtVerifier } from './passport-jwt.verifier';
import { SharedSecret } from './key-source';
import { type SigningAlgorithm, TrustedIssuer } from './trusted-issuer';

const SECRET = 'a secret that is at least 32 characters long';
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'clarion';
const LEEWAY = 30;

const now = () => Math.floor(Date.now() / 1000);
const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const claims = (changes: object = {}) => ({
  sub: 'alice',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: now() + 600,
  ...changes,
});

interface Making {
  header?: unknown;
  payload?: unknown;
  secret?: string | Buffer;
  hash?: string;
}

function token({
  header = { alg: 'HS256', typ: 'JWT' },
  payload = claims(),
  secret = SECRET,
  hash = 'sha256',
}: Making = {}) {
  const signed = `${base64url(header)}.${base64url(payload)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

function verifierFor(algorithms: SigningAlgorithm[] = ['HS256'], issuer?: string, audience?: string) {
  const trusted = new TrustedIssuer(
    new SharedSecret(createSecretKey(Buffer.from(SECRET))),
    algorithms,
    LEEWAY,
    issuer,
    audience,
  );
  return new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
}

const verifier = verifierFor(['HS256'], ISSUER, AUDIENCE);

async function refusalOf(text: string, by = verifier): Promise<string> {
  try {
    await by.verify(text);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ComponentError)) throw error;
    return error.reason;
  }
}

function rsaToken(): { token: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signed = `${base64url({ alg: 'RS256' })}.${base64url(claims())}`;
  const signature = sign('sha256', Buffer.from(signed), privateKey).toString('base64url');
  return { token: `${signed}.${signature}`, publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

const parts = (text: string) => text.split('.') as [string, string, string];

describe('PassportJwtVerifier', () => {
  it('says who is calling', async () => {
    const exp = now() + 60;
    const text = token({ payload: claims({ exp, iat: exp - 600, jti: 'id-1', scope: 'chat admin' }) });
    const principal = await verifier.verify(text);
    expect(principal).toEqual({
      user_id: 'alice',
      scopes: new Set(['chat', 'admin']),
      admin: true,
      expires_at: new Date(exp * 1000),
      issued_at: new Date((exp - 600) * 1000),
      token_id: 'id-1',
      email: null,
      token_sha256: createHash('sha256').update(text).digest('hex'),
    });
  });

  it('takes a token without scopes and id as that of an ordinary user', async () => {
    expect(await verifier.verify(token())).toMatchObject({ admin: false, scopes: new Set(), token_id: null });
  });

  it.each([
    ['scope as text', { scope: 'a  b' }],
    ['scope as list', { scope: ['a', 'b'] }],
    ['scp as list', { scp: ['a', 'b'] }],
    ['scp as text', { scp: 'a b' }],
    ['scopes as list', { scopes: ['a', 'b'] }],
    ['several of them together', { scope: 'a', scp: ['b'], scopes: null }],
  ])('reads %s', async (_, scopes) => {
    expect((await verifier.verify(token({ payload: claims(scopes) }))).scopes).toEqual(new Set(['a', 'b']));
  });

  it.each([
    ['an access token type', { alg: 'HS256', typ: 'at+jwt' }],
    ['a type with its prefix', { alg: 'HS256', typ: 'application/JWT' }],
    ['no type', { alg: 'HS256' }],
  ])('accepts %s', async (_, header) => {
    expect(await refusalOf(token({ header }))).toBe('accepted');
  });

  it.each([
    ['one of several audiences', { aud: ['other', AUDIENCE] }],
    ['an end within the leeway', { exp: now() - LEEWAY + 5 }],
    ['a beginning within the leeway', { nbf: now() + LEEWAY - 5 }],
    ['a subject of 128 characters', { sub: 'x'.repeat(128) }],
    ['a subject beyond ASCII', { sub: 'żółw 🐢' }],
  ])('accepts %s', async (_, changes) => {
    expect(await refusalOf(token({ payload: claims(changes) }))).toBe('accepted');
  });

  it.each([
    ['AUTH_TOKEN_EXPIRED', 'ended', { exp: now() - LEEWAY - 5 }],
    ['AUTH_TOKEN_NOT_YET_VALID', 'not begun', { nbf: now() + LEEWAY + 5 }],
    ['AUTH_TOKEN_ISSUER', 'of another issuer', { iss: 'https://elsewhere.example' }],
    ['AUTH_TOKEN_ISSUER', 'of no issuer', { iss: undefined }],
    ['AUTH_TOKEN_AUDIENCE', 'for another audience', { aud: 'other' }],
    ['AUTH_TOKEN_AUDIENCE', 'for other audiences', { aud: ['other', 'clarion2'] }],
    ['AUTH_TOKEN_AUDIENCE', 'for no audience', { aud: undefined }],
    ['AUTH_TOKEN_SUBJECT', 'without subject', { sub: undefined }],
    ['AUTH_TOKEN_SUBJECT', 'with an empty subject', { sub: '' }],
    ['AUTH_TOKEN_SUBJECT', 'with a number as subject', { sub: 7 }],
    ['AUTH_TOKEN_SUBJECT', 'with a subject of 129 characters', { sub: 'x'.repeat(129) }],
    ['AUTH_TOKEN_SUBJECT', 'with U+0000 in the subject', { sub: 'al\0ice' }],
    ['AUTH_TOKEN_SUBJECT', 'with a lone surrogate in the subject', { sub: 'a\ud800' }],
    ['AUTH_TOKEN_MALFORMED', 'without end', { exp: undefined }],
    ['AUTH_TOKEN_MALFORMED', 'with text as end', { exp: '2030-01-01' }],
    ['AUTH_TOKEN_MALFORMED', 'with an end that is no date', { exp: 1e300 }],
    ['AUTH_TOKEN_MALFORMED', 'with text as beginning', { nbf: 'soon' }],
    ['AUTH_TOKEN_MALFORMED', 'with text as moment of issue', { iat: 'now' }],
    ['AUTH_TOKEN_MALFORMED', 'with numbers as scopes', { scope: [1, 2] }],
    ['AUTH_TOKEN_MALFORMED', 'with an object as scopes', { scp: { admin: true } }],
    ['AUTH_TOKEN_MALFORMED', 'with a number as id', { jti: 5 }],
    ['AUTH_TOKEN_MALFORMED', 'with U+0000 in the id', { jti: 'a\0' }],
  ])('answers %s to a token %s', async (reason, _, changes) => {
    expect(await refusalOf(token({ payload: claims(changes) }))).toBe(reason);
  });

  it.each([
    ['AUTH_TOKEN_MISSING', 'nothing', ''],
    ['AUTH_TOKEN_MALFORMED', 'a word', 'token'],
    ['AUTH_TOKEN_MALFORMED', 'two parts', parts(token()).slice(0, 2).join('.')],
    ['AUTH_TOKEN_MALFORMED', 'four parts', `${token()}.x`],
    ['AUTH_TOKEN_MALFORMED', 'an empty header', `.${parts(token())[1]}.x`],
    ['AUTH_TOKEN_MALFORMED', 'characters outside base64url', token().replace('.', '+.')],
    ['AUTH_TOKEN_MALFORMED', 'a line break at the end', `${token()}\n`],
    ['AUTH_TOKEN_MALFORMED', 'a header that is no JSON', token({ header: 'HS256' })],
    ['AUTH_TOKEN_MALFORMED', 'a header that is a list', token({ header: ['HS256'] })],
    ['AUTH_TOKEN_MALFORMED', 'a header without algorithm', token({ header: { typ: 'JWT' } })],
    ['AUTH_TOKEN_MALFORMED', 'a payload that is no object', token({ payload: '"alice"' })],
    ['AUTH_TOKEN_MALFORMED', 'a payload of bytes that are no UTF-8', token().replace(/\..*\./, '._w.')],
    ['AUTH_TOKEN_MALFORMED', 'a token of another kind', token({ header: { alg: 'HS256', typ: 'logout+jwt' } })],
    ['AUTH_TOKEN_MALFORMED', 'an extension it must understand', token({ header: { alg: 'HS256', crit: ['b64'] } })],
    ['AUTH_TOKEN_MALFORMED', 'no signature', `${parts(token()).slice(0, 2).join('.')}.`],
    ['AUTH_TOKEN_MALFORMED', 'more than 16 KB', token({ payload: claims({ more: 'x'.repeat(16 * 1024) }) })],
    ['AUTH_TOKEN_SIGNATURE', 'another secret', token({ secret: 'another secret that is long enough, too' })],
    [
      'AUTH_TOKEN_SIGNATURE',
      'another payload',
      [parts(token())[0], base64url(claims({ sub: 'eve' })), parts(token())[2]].join('.'),
    ],
    ['AUTH_TOKEN_SIGNATURE', 'a signature cut short', token().slice(0, -3)],
    ['AUTH_TOKEN_SIGNATURE', 'a signature of another hash', token({ hash: 'sha512' })],
    ['AUTH_ALGORITHM_NOT_ALLOWED', 'no algorithm at all', `${base64url({ alg: 'none' })}.${base64url(claims())}.`],
    ['AUTH_ALGORITHM_NOT_ALLOWED', 'none in capitals', `${base64url({ alg: 'NONE' })}.${base64url(claims())}.`],
    ['AUTH_ALGORITHM_NOT_ALLOWED', 'an algorithm not configured', token({ header: { alg: 'HS512' }, hash: 'sha512' })],
    ['AUTH_ALGORITHM_NOT_ALLOWED', 'an asymmetric algorithm', rsaToken().token],
    ['AUTH_ALGORITHM_NOT_ALLOWED', 'RS256 signed with the secret', token({ header: { alg: 'RS256' } })],
  ])('answers %s to %s', async (reason, _, text) => {
    expect(await refusalOf(text)).toBe(reason);
  });

  it('judges the signature before issuer, audience and subject, which anybody can write', async () => {
    const forged = token({
      payload: claims({ iss: 'x', aud: 'x', sub: '' }),
      secret: 'guessed secret, long enough as well',
    });
    expect(await refusalOf(forged)).toBe('AUTH_TOKEN_SIGNATURE');
  });

  it('uses a secret that looks like a public key as a secret', async () => {
    const { publicKey, token: rsaSigned } = rsaToken();
    const trusted = new TrustedIssuer(new SharedSecret(createSecretKey(Buffer.from(publicKey))), ['HS256'], LEEWAY);
    const pemVerifier = new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
    expect(await refusalOf(token({ secret: publicKey }), pemVerifier)).toBe('accepted');
    expect(await refusalOf(rsaSigned, pemVerifier)).toBe('AUTH_ALGORITHM_NOT_ALLOWED');
  });

  it('accepts every configured algorithm, and any issuer and audience where none is set', async () => {
    const lenient = verifierFor(['HS384', 'HS512']);
    const payload = { sub: 'bob', exp: now() + 60 };
    const signed = token({ header: { alg: 'HS384' }, hash: 'sha384', payload });
    expect((await lenient.verify(signed)).user_id).toBe('bob');
    expect(await refusalOf(token({ payload }), lenient)).toBe('AUTH_ALGORITHM_NOT_ALLOWED');
  });

  it('tells when a token ended, and names the allowed algorithms, but never repeats the token', async () => {
    const exp = now() - 3600;
    await expect(verifier.verify(token({ payload: claims({ exp }) }))).rejects.toMatchObject({
      details: { expired_at: new Date(exp * 1000).toISOString() },
    });
    await expect(verifier.verify(token({ header: { alg: '<script>' } }))).rejects.toMatchObject({
      details: { allowed: ['HS256'] },
    });
  });

  it('keeps simultaneous verifications apart', async () => {
    const users = Array.from({ length: 50 }, (_, index) => `user-${index}`);
    const principals = await Promise.all(users.map((sub) => verifier.verify(token({ payload: claims({ sub }) }))));
    expect(principals.map(({ user_id }) => user_id)).toEqual(users);
  });

  it('does not begin when its signal has been aborted', async () => {
    const reason = new Error('too late');
    await expect(verifier.verify(token(), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
