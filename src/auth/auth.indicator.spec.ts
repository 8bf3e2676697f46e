import { createSecretKey } from 'node:crypto';
import { type AppConfig, loadConfig } from '../config';
import { ComponentError, type Failure, FailureReporter } from '../errors';
import { MetricsRegistry, Repairs } from '../telemetry';
import { AuthIndicator } from './auth.indicator';
import { AuthService } from './auth-service';
import { DevelopmentIssuer } from './development/development.issuer';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER } from './development/development-secret';
import { DisabledVerifier } from './guarded.verifier';
import { SharedSecret } from './key-source';
import { PassportJwtStrategy } from './passport-jwt.strategy';
import { PassportJwtVerifier } from './passport-jwt.verifier';
import { RemoteAuth } from './remote/remote-auth';
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

class NoReporter extends FailureReporter {
  override report(): Promise<Failure> {
    throw new Error('nothing was to be reported');
  }
}

function trustedOf(key = KEY): TrustedIssuer {
  return new TrustedIssuer(new SharedSecret(key), ['HS256'], 30, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE);
}

function verifierOf(trusted: TrustedIssuer): TokenVerifier {
  return new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
}

function check(config: AppConfig, trusted: TrustedIssuer, verifier: TokenVerifier, issuer?: DevelopmentIssuer) {
  const remote = RemoteAuth.fromConfig(config);
  const service = new AuthService(remote, new NoReporter(), new Repairs(new MetricsRegistry()));
  return new AuthIndicator(config, trusted, verifier, remote, service, issuer).check(signal);
}

describe('the health of the verifier', () => {
  it('is good when the token of a stranger is refused', async () => {
    const trusted = await TrustedIssuer.fromConfig(configured, RemoteAuth.fromConfig(configured));
    const found = await check(configured, trusted, verifierOf(trusted));
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
    const found = await check(development, trusted, verifierOf(trusted), new DevelopmentIssuer(KEY));
    expect(found).toMatchObject({ status: 'healthy' });
  });

  it('is bad when they do not', async () => {
    const trusted = trustedOf();
    const found = await check(development, trusted, verifierOf(trusted), new DevelopmentIssuer(OTHER_KEY));
    expect(found).toMatchObject({ status: 'failed', cause: { reason: 'AUTH_TOKEN_SIGNATURE' } });
  });

  it('is bad when a forged token is accepted', async () => {
    const gullible = { verify: async () => ({}) } as unknown as TokenVerifier;
    const found = await check(configured, trustedOf(), gullible);
    expect(found).toMatchObject({
      status: 'failed',
      problem: 'A forged token was accepted',
    });
  });

  it.each([
    [true, 'failed'],
    [false, 'degraded'],
  ])('is bad while the service fails those who ask it again and again, all of them: %s', async (failing, status) => {
    const config = loadConfig({
      AUTH_INTROSPECTION_URL: 'http://127.0.0.1:1/introspection',
      AUTH_CLIENT_ID: 'clarion',
      AUTH_CLIENT_SECRET: 'secret',
      AUTH_JWT_AUDIENCE: 'clarion',
    });
    const cause = ComponentError.authentication('AUTH_SERVICE_UNAVAILABLE');
    const service = { outage: null, trouble: { calls: 9, failures: 6, failing, cause } } as unknown as AuthService;
    const trusted = trustedOf();
    const remote = RemoteAuth.fromConfig(config);
    const found = await new AuthIndicator(config, trusted, verifierOf(trusted), remote, service).check(signal);
    expect(found).toMatchObject({
      status,
      cause,
      problem: '6 of the last 9 calls failed: The authentication service cannot be reached, or fails',
    });
  });

  it('is degraded, and says what to do, while nobody is let in on purpose', async () => {
    const closed = loadConfig({ AUTH_ENABLED: '0' });
    expect(await check(closed, trustedOf(), new DisabledVerifier())).toMatchObject({
      status: 'degraded',
      suggestion: 'unset AUTH_ENABLED when users may come in again',
    });
  });
});
