import { choice, flag, integer, list, signingKeys, text, url } from './setting';

/** Who may come in: where tokens are trusted from, and what happens while nobody can say. */
export const authSettings = {
  enabled: flag(
    'AUTH_ENABLED',
    true,
    '0 lets nobody in any more (AUTH_SERVICE_DISABLED), as in an incident at the issuer; live connections stay.',
  ),
  jwtSecret: text(
    'AUTH_JWT_SECRET',
    'Source of trust: shared secret of HMAC-signed tokens, 32 characters or more. No source at all, outside production: the development issuer.',
    { secret: true },
  ),
  jwksUrl: url('AUTH_JWKS_URL', ['https', 'http'], 'Source of trust: the key set (JWKS) that tokens are signed with.'),
  issuer: url(
    'AUTH_ISSUER',
    ['https', 'http'],
    'Source of trust: an OpenID Connect issuer, exactly as its tokens name it; the rest is discovered.',
  ),
  introspectionUrl: url(
    'AUTH_INTROSPECTION_URL',
    ['https', 'http'],
    'Source of trust: the introspection endpoint (RFC 7662) that is asked about every token.',
  ),
  clientId: text(
    'AUTH_CLIENT_ID',
    'Our own client at the auth service, for introspection. With AUTH_ISSUER: opaque tokens are accepted, too.',
  ),
  clientSecret: text('AUTH_CLIENT_SECRET', 'The secret of AUTH_CLIENT_ID.', { secret: true }),
  jwtIssuer: text('AUTH_JWT_ISSUER', 'Required `iss` of tokens. Required with AUTH_JWT_SECRET and AUTH_JWKS_URL.'),
  jwtAudience: text('AUTH_JWT_AUDIENCE', 'Required `aud` of tokens. Required, but for AUTH_INTROSPECTION_URL.'),
  jwtAlgorithms: list(
    'AUTH_JWT_ALGORITHMS',
    /^(?:(?:HS|RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/,
    'HS256, RS256, PS256, ES256 and their kind, EdDSA, Ed25519, separated by commas',
    [],
    'Accepted signature algorithms. Unset: HS256 with a secret, RS256, PS256 and ES256 with a key set.',
  ),
  timeoutMs: integer('AUTH_TIMEOUT_MS', 50, 30_000, 1_500, 'Longest wait for the auth service, a retry included.'),
  keysRefreshMs: integer('AUTH_KEYS_REFRESH_MS', 100, 86_400_000, 300_000, 'Age at which a key set is read again.'),
  recheckMs: integer(
    'AUTH_RECHECK_MS',
    1_000,
    3_600_000,
    60_000,
    'How often the auth service is asked again about an introspected token of a live connection.',
  ),
  cacheMs: integer(
    'AUTH_CACHE_MS',
    0,
    3_600_000,
    30_000,
    'How long an introspected token is believed, its own end and its revocation aside.',
  ),
  cacheEntries: integer('AUTH_CACHE_ENTRIES', 1, 1_000_000, 10_000, 'Introspected tokens that are remembered.'),
  outagePolicy: choice(
    'AUTH_OUTAGE_POLICY',
    ['accept', 'refuse'],
    'accept',
    'While the auth service is down: what to do with tokens that the keys at hand can verify.',
  ),
  outageGraceSeconds: integer(
    'AUTH_OUTAGE_GRACE',
    0,
    604_800,
    3_600,
    'While the auth service is down: seconds that a live connection may stay beyond the end of its token.',
  ),
  emailClaim: text(
    'AUTH_EMAIL_CLAIM',
    'Claim with the e-mail address of a user, such as email, kept for digests to those who do not come back. Unset: none is kept.',
  ),
  revocationSecrets: signingKeys(
    'AUTH_REVOCATION_SECRET',
    'Secret (whsec_…) of the webhook POST /auth/revocations; several: any of them counts. Unset: no such webhook, and nothing is revoked.',
  ),
  revocationDays: integer(
    'AUTH_REVOCATION_DAYS',
    1,
    3_650,
    30,
    'Days that a revocation is kept which does not say when its tokens end. No token may live longer.',
  ),
} as const;
