import { createSecretKey } from 'node:crypto';
import { ComponentError } from '../errors';
import { loadConfig } from '../config';
import { AuthIndicator } from './auth.indicator';
import { DevelopmentIssuer } from './development/development.issuer';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER } from './development/development-secret';
import { PassportJwtStrategy } from './passport-jwt.strategy';
import { PassportJwtVerifier } from './passport-jwt.verifier';
import type { TokenVerifier } from './token-verifier';
import { TrustedIssuer } from './trusted-issuer';

const KEY = createSecretKey(Buffer.alloc(32, 'a'));
const OTHER_KEY = createSecretKey(Buffer.alloc(32, 'b'));
const development = loadConfig({});
const configured = loadConfig({
  AUTH_JWT_SECRET: 'x'.repeat(32),
  AUTH_JWT_ISSUER: 'https://issuer.example',
  AUTH_JWT_AUDIENCE: 'clarion',
});
const signal = new AbortController().signal;

function trustedOf(key = KEY): TrustedIssuer {
  return new TrustedIssuer(key, ['HS256'], 30, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE);
}

function verifierOf(trusted: TrustedIssuer): TokenVerifier {
  return new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
}

describe('the health of the verifier', () => {
  it('is good when the token of a stranger is refused', async () => {
    const trusted = await TrustedIssuer.fromConfig(configured);
    const found = await new AuthIndicator(configured, trusted, verifierOf(trusted)).check(signal);
    expect(found).toEqual({
      status: 'healthy',
      details: {
        verifier: 'jwt secret',
        issuer: 'https://issuer.example',
        audience: 'clarion',
        algorithms: ['HS256'],
      },
    });
  });

  it('is good when the development issuer and the verifier understand each other', async () => {
    const trusted = trustedOf();
    const indicator = new AuthIndicator(development, trusted, verifierOf(trusted), new DevelopmentIssuer(KEY));
    expect(await indicator.check(signal)).toMatchObject({ status: 'healthy' });
  });

  it('is bad when they do not', async () => {
    const trusted = trustedOf();
    const indicator = new AuthIndicator(development, trusted, verifierOf(trusted), new DevelopmentIssuer(OTHER_KEY));
    expect(await indicator.check(signal)).toMatchObject({
      status: 'failed',
      cause: { reason: 'AUTH_TOKEN_SIGNATURE' },
    });
  });

  it('is bad when a forged token is accepted', async () => {
    const gullible = { verify: async () => ({}) } as unknown as TokenVerifier;
    const found = await new AuthIndicator(configured, trustedOf(), gullible).check(signal);
    expect(found).toMatchObject({
      status: 'failed',
      problem: 'A forged token was accepted',
    });
  });

  it('is bad when the service behind the verifier is away', async () => {
    const away = { verify: () => Promise.reject(ComponentError.authentication('AUTH_SERVICE_UNAVAILABLE')) };
    const found = await new AuthIndicator(configured, trustedOf(), away).check(signal);
    expect(found).toMatchObject({ status: 'failed', cause: { reason: 'AUTH_SERVICE_UNAVAILABLE' } });
  });
});
