import type { authSettings } from './auth-settings';
import type { ConfigurationProblem } from './configuration-error';
import type { Values } from './setting';

type AuthSection = Values<typeof authSettings>;
type Check = readonly [failed: boolean, problem: ConfigurationProblem];

const SOURCES = { jwtSecret: 'AUTH_JWT_SECRET', jwksUrl: 'AUTH_JWKS_URL', issuer: 'AUTH_ISSUER' } as const;
const ALL_SOURCES = { ...SOURCES, introspectionUrl: 'AUTH_INTROSPECTION_URL' } as const;
const URLS = { jwksUrl: 'AUTH_JWKS_URL', issuer: 'AUTH_ISSUER', introspectionUrl: 'AUTH_INTROSPECTION_URL' } as const;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The settings of `auth` that depend on each other: one source of trust, whole, and nothing beside it that it does not use. */
export function authChecks(auth: AuthSection, production: boolean): Check[] {
  return [
    ...sourceChecks(auth, production),
    ...claimChecks(auth),
    ...clientChecks(auth),
    ...urlChecks(auth, production),
  ];
}

/** The sources of trust that are set. */
export function sourcesOf(auth: AuthSection): (keyof typeof ALL_SOURCES)[] {
  return (Object.keys(ALL_SOURCES) as (keyof typeof ALL_SOURCES)[]).filter((key) => auth[key] !== undefined);
}

/** The signature algorithms that are accepted. */
export function algorithmsOf({ jwtAlgorithms, jwksUrl, issuer }: AuthSection): readonly string[] {
  if (jwtAlgorithms.length > 0) return jwtAlgorithms;
  return jwksUrl === undefined && issuer === undefined ? ['HS256'] : ['RS256', 'PS256', 'ES256'];
}

function sourceChecks(auth: AuthSection, production: boolean): Check[] {
  const sources = sourcesOf(auth);
  const names = Object.values(ALL_SOURCES).join(', ');
  const found = sources.map((key) => ALL_SOURCES[key]).join(', ');
  return [
    [
      production && sources.length === 0,
      absent(SOURCES.jwtSecret, `one source of trust (${names}); production has no development issuer`),
    ],
    [sources.length > 1, { name: ALL_SOURCES[sources[1] ?? 'issuer'], found, allowed: `one of ${names}` }],
    [
      auth.jwtSecret !== undefined && Buffer.byteLength(auth.jwtSecret) < 32,
      hidden(SOURCES.jwtSecret, 'a secret of 32 characters or more'),
    ],
    [!algorithmsFit(auth), { name: 'AUTH_JWT_ALGORITHMS', found: auth.jwtAlgorithms.join(','), allowed: FITTING }],
  ];
}

const FITTING =
  'HS256, HS384, HS512 with AUTH_JWT_SECRET; RS*, PS*, ES*, EdDSA, Ed25519 with AUTH_JWKS_URL or AUTH_ISSUER';

/** A public key must never serve as a shared secret. */
function algorithmsFit({ jwtAlgorithms, jwksUrl, issuer }: AuthSection): boolean {
  const published = jwksUrl !== undefined || issuer !== undefined;
  return jwtAlgorithms.every((algorithm) => algorithm.startsWith('HS') !== published);
}

function claimChecks({ jwtSecret, jwksUrl, issuer, jwtIssuer, jwtAudience }: AuthSection): Check[] {
  const named = jwtSecret !== undefined || jwksUrl !== undefined;
  const signed = named || issuer !== undefined;
  const by = 'required with AUTH_JWT_SECRET and AUTH_JWKS_URL';
  return [
    [named && jwtIssuer === undefined, absent('AUTH_JWT_ISSUER', `the issuer of your tokens, ${by}`)],
    [signed && jwtAudience === undefined, absent('AUTH_JWT_AUDIENCE', 'the audience of your tokens')],
    [
      issuer !== undefined && jwtIssuer !== undefined,
      { name: 'AUTH_JWT_ISSUER', found: jwtIssuer ?? '', allowed: 'unset with AUTH_ISSUER, which says it' },
    ],
  ];
}

function clientChecks({ clientId, clientSecret, issuer, introspectionUrl }: AuthSection): Check[] {
  const usable = issuer !== undefined || introspectionUrl !== undefined;
  const unused = 'unset, but for AUTH_ISSUER and AUTH_INTROSPECTION_URL';
  const id = clientId !== undefined;
  const secret = clientSecret !== undefined;
  return [
    [
      introspectionUrl !== undefined && !id,
      absent('AUTH_CLIENT_ID', 'our client, required with AUTH_INTROSPECTION_URL'),
    ],
    [id && !secret, absent('AUTH_CLIENT_SECRET', 'the secret of AUTH_CLIENT_ID')],
    [secret && !id, hidden('AUTH_CLIENT_SECRET', 'unset without AUTH_CLIENT_ID')],
    [id && !usable, { name: 'AUTH_CLIENT_ID', found: clientId ?? '', allowed: unused }],
  ];
}

/** What anybody on the way could change is no source of trust. */
function urlChecks(auth: AuthSection, production: boolean): Check[] {
  return Object.entries(URLS).map(([key, name]) => {
    const text = auth[key as keyof typeof URLS];
    const url = text === undefined ? undefined : new URL(text);
    const open = production && url?.protocol === 'http:' && !LOOPBACK.has(url.hostname);
    const bad = url !== undefined && (url.username !== '' || url.password !== '' || open);
    return [bad, hidden(name, 'a URL without credentials; https:// with NODE_ENV=production, but for loopback')];
  });
}

function absent(name: string, allowed: string): ConfigurationProblem {
  return { name, found: '', allowed };
}

function hidden(name: string, allowed: string): ConfigurationProblem {
  return { name, found: '(hidden)', allowed };
}
