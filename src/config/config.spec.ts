import { ConfigurationError } from './configuration-error';
import { envExample } from './env-example';
import { loadConfig } from './load';

const PRODUCTION = {
  NODE_ENV: 'production',
  AUTH_JWT_SECRET: 'x'.repeat(32),
  AUTH_JWT_ISSUER: 'https://issuer.example',
  AUTH_JWT_AUDIENCE: 'clarion',
};

function refusalOf(environment: Record<string, string>): ConfigurationError {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('the environment was accepted');
}

describe('loadConfig', () => {
  it('gives every section its defaults on an empty environment', () => {
    const config = loadConfig({});
    expect(config.server).toMatchObject({ port: 3000, host: '127.0.0.1', production: false });
    expect(config.auth.developmentIssuer).toBe(true);
    expect(config.agents.drill).toBe(true);
    expect(config.health.details).toBe('always');
    expect(config.persistence.migrateOnStart).toBe(true);
  });

  it('counts an empty variable as unset', () => {
    expect(loadConfig({ PORT: '', AUTH_JWT_SECRET: ' ' }).server.port).toBe(3000);
  });

  it('names every problem at once, with what was found and what is allowed', () => {
    const { problems, message } = refusalOf({ PORT: '99999', LOG_LEVEL: 'loud', RUN_MAX_ATTEMPTS: '-1' });
    expect(problems.map(({ name }) => name)).toEqual(['PORT', 'RUN_MAX_ATTEMPTS', 'LOG_LEVEL']);
    expect(message).toContain('PORT: found "99999"; allowed: a whole number from 0 to 65535');
  });

  it('never repeats a secret in a problem', () => {
    const { message } = refusalOf({ DATABASE_URL: 'mysql://root:hunter2@db', AUTH_JWT_SECRET: 'hunter2' });
    expect(message).not.toContain('hunter2');
    expect(message).toContain('DATABASE_URL');
  });

  it('refuses an empty list of algorithms', () => {
    expect(refusalOf({ AUTH_JWT_ALGORITHMS: ',' }).problems.map(({ name }) => name)).toEqual(['AUTH_JWT_ALGORITHMS']);
  });

  it.each(['gateway', 'worker'])('refuses ROLE=%s without what all processes share', (ROLE) => {
    expect(refusalOf({ ROLE }).problems.map(({ name }) => name)).toEqual([
      'DATABASE_URL',
      'REDIS_URL',
      'AUTH_JWT_SECRET',
    ]);
    const shared = { ...PRODUCTION, DATABASE_URL: 'postgres://db/clarion', REDIS_URL: 'rediss://:secret@cache:6380/1' };
    expect(loadConfig({ ROLE, ...shared }).server.role).toBe(ROLE);
  });

  it.each([
    ['without a secret', { NODE_ENV: 'production' }, ['AUTH_JWT_SECRET']],
    ['with a short secret', { ...PRODUCTION, AUTH_JWT_SECRET: 'short' }, ['AUTH_JWT_SECRET']],
    [
      'without issuer and audience',
      { NODE_ENV: 'production', AUTH_JWT_SECRET: 'x'.repeat(32) },
      ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE'],
    ],
    ['with the drill agent', { ...PRODUCTION, DRILL_AGENT: '1' }, ['DRILL_AGENT']],
    ['with exposed root causes', { ...PRODUCTION, EXPOSE_ROOT_CAUSES: '1' }, ['EXPOSE_ROOT_CAUSES']],
    ['with details for everyone', { ...PRODUCTION, HEALTH_DETAILS: 'always' }, ['HEALTH_DETAILS']],
  ])('refuses production %s', (_, environment, names) => {
    expect(refusalOf(environment).problems.map(({ name }) => name)).toEqual(names);
  });

  const client = { AUTH_CLIENT_ID: 'clarion', AUTH_CLIENT_SECRET: 'secret' };
  const claims = { AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'clarion' };
  const audience = { AUTH_JWT_AUDIENCE: 'clarion' };
  const webhookSecret = `whsec_${Buffer.alloc(24).toString('base64')}`;

  it.each<[string, Record<string, string>]>([
    ['a key set', { ...claims, AUTH_JWKS_URL: 'https://issuer.example/jwks' }],
    ['an issuer', { ...audience, AUTH_ISSUER: 'https://issuer.example' }],
    ['an issuer and a client', { ...audience, ...client, AUTH_ISSUER: 'https://issuer.example' }],
    ['introspection', { ...client, AUTH_INTROSPECTION_URL: 'https://issuer.example/introspect' }],
    ['an issuer on loopback', { ...audience, AUTH_ISSUER: 'http://127.0.0.1:8080' }],
    ['a webhook for revocations', { ...PRODUCTION, AUTH_REVOCATION_SECRET: webhookSecret }],
    ['two secrets of it', { ...PRODUCTION, AUTH_REVOCATION_SECRET: `${webhookSecret}, ${webhookSecret}` }],
  ])('trusts %s in production', (_, environment) => {
    expect(loadConfig({ NODE_ENV: 'production', ...environment }).auth.developmentIssuer).toBe(false);
  });

  it.each<[string, Record<string, string>, string[]]>([
    ['two of them', { ...PRODUCTION, AUTH_JWKS_URL: 'https://issuer.example/jwks' }, ['AUTH_JWKS_URL']],
    ['a key set of nobody', { AUTH_JWKS_URL: 'https://issuer.example/jwks' }, ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE']],
    ['two names of an issuer', { ...claims, AUTH_ISSUER: 'https://issuer.example' }, ['AUTH_JWT_ISSUER']],
    ['an issuer on an open way', { ...audience, AUTH_ISSUER: 'http://issuer.example' }, ['AUTH_ISSUER']],
    ['credentials in a URL', { ...audience, AUTH_ISSUER: 'https://me:pw@issuer.example' }, ['AUTH_ISSUER']],
    ['introspection without a client', { AUTH_INTROSPECTION_URL: 'https://issuer.example/i' }, ['AUTH_CLIENT_ID']],
    ['a client without a secret', { ...PRODUCTION, AUTH_CLIENT_ID: 'x' }, ['AUTH_CLIENT_SECRET', 'AUTH_CLIENT_ID']],
    ['a client that nobody asks for', { ...PRODUCTION, ...client }, ['AUTH_CLIENT_ID']],
    ['a public key as a secret', { ...PRODUCTION, AUTH_JWT_ALGORITHMS: 'RS256' }, ['AUTH_JWT_ALGORITHMS']],
    [
      'a secret as a public key',
      { ...audience, AUTH_ISSUER: 'https://issuer.example', AUTH_JWT_ALGORITHMS: 'ES256,HS256' },
      ['AUTH_JWT_ALGORITHMS'],
    ],
    [
      'a guessable webhook secret beside a good one',
      { ...PRODUCTION, AUTH_REVOCATION_SECRET: `${webhookSecret} secret` },
      ['AUTH_REVOCATION_SECRET'],
    ],
    ['a guessable webhook secret', { ...PRODUCTION, AUTH_REVOCATION_SECRET: 'secret' }, ['AUTH_REVOCATION_SECRET']],
  ])('does not trust %s', (_, environment, names) => {
    expect(refusalOf({ NODE_ENV: 'production', ...environment }).problems.map(({ name }) => name)).toEqual(names);
  });

  it('accepts a complete production environment and keeps it strict', () => {
    const config = loadConfig(PRODUCTION);
    expect(config.auth.developmentIssuer).toBe(false);
    expect(config.persistence.migrateOnStart).toBe(false);
    expect(config.health.details).toBe('admin');
    expect(config.server.host).toBe('::');
  });

  it('accepts its own example file', () => {
    const environment = Object.fromEntries(
      envExample()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.split('=') as [string, string]),
    );
    expect(loadConfig(environment)).toEqual(loadConfig({}));
  });
});
