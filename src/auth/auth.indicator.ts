import { randomBytes } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, type ReasonOf } from '../errors';
import { describeUnreliable, type HealthFinding, HealthIndicator } from '../telemetry';
import { AuthService } from './auth-service';
import { DevelopmentIssuer } from './development/development.issuer';
import { RemoteAuth } from './remote/remote-auth';
import { TokenVerifier } from './token-verifier';
import { TrustedIssuer } from './trusted-issuer';

const PROBE_USER = 'health-check';
const PROBE_TTL_SECONDS = 60;
/** Of the shorter signatures, so that none is longer than its algorithm allows; an HMAC of any length is as wrong. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };

const SUGGESTIONS: Partial<Record<ReasonOf<'Authentication'>, string>> = {
  AUTH_SERVICE_UNAVAILABLE: 'check that it runs and can be reached from here',
  AUTH_SERVICE_TIMEOUT: 'look at its load and at the network; AUTH_TIMEOUT_MS says how long it may take',
  AUTH_SERVICE_INVALID_ANSWER:
    'open the URL in details and compare AUTH_ISSUER, AUTH_JWKS_URL or AUTH_INTROSPECTION_URL',
  AUTH_CREDENTIALS_REFUSED: 'compare AUTH_CLIENT_ID and AUTH_CLIENT_SECRET with the client registered at the service',
};

type Details = Record<string, unknown>;
type Unwell = Extract<HealthFinding, { problem: string }>;

/** The verifier refuses a forged token, accepts one of ours where tokens are issued here, and what it asks answers. */
@Injectable()
export class AuthIndicator extends HealthIndicator {
  override readonly component = 'auth';

  constructor(
    private readonly config: AppConfig,
    private readonly trusted: TrustedIssuer,
    private readonly verifier: TokenVerifier,
    private readonly remote: RemoteAuth,
    private readonly service: AuthService,
    @Optional() private readonly issuer?: DevelopmentIssuer,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    const details = this.details();
    if (!this.config.auth.enabled) {
      const suggestion = 'unset AUTH_ENABLED when users may come in again';
      return { status: 'degraded', details, problem: 'Signing in is switched off', suggestion };
    }
    const { outage } = this.service;
    if (outage !== null) return this.away(outage, details);
    // An opaque token that nobody has is what the service is asked about by `AuthService`.
    const forged = this.verifiesSignatures ? await this.outcome(this.forged(), signal) : 'AUTH_TOKEN_SIGNATURE';
    if (forged === null) {
      const suggestion = 'take this process out of service, and check AUTH_*';
      return { status: 'failed', details, problem: 'A forged token was accepted', suggestion };
    }
    const refused = this.issuer ? await this.outcome(await this.issued(this.issuer), signal) : null;
    const unexpected = forged === 'AUTH_TOKEN_SIGNATURE' ? refused : forged;
    if (unexpected === null) return this.unreliable(details) ?? { status: 'healthy', details };
    const problem = `Tokens are not judged as they should be (${unexpected})`;
    const suggestion = 'compare AUTH_* with the issuer; with the development issuer, restart this process';
    return { status: 'failed', details, problem, suggestion, cause: new ComponentError(unexpected) };
  }

  override unanswered(): HealthFinding | null {
    const { outage } = this.service;
    return outage && this.away(outage, this.details());
  }

  private details(): Details {
    const { auth } = this.config;
    return {
      verifier: auth.developmentIssuer ? 'development issuer' : this.kindOfVerifier(),
      issuer: this.trusted.issuer ?? null,
      audience: this.trusted.audience ?? null,
      algorithms: this.verifiesSignatures ? [...this.trusted.algorithms] : [],
    };
  }

  private kindOfVerifier(): string {
    const kinds = this.remote.sources.map(({ name }) => name).join(' and ');
    return kinds === '' ? 'jwt secret' : kinds;
  }

  private get verifiesSignatures(): boolean {
    return this.remote.keys !== null || this.remote.introspector === null;
  }

  /** It works right now; of those who asked it lately too many were turned away. */
  private unreliable(details: Details): Unwell | null {
    const { trouble } = this.service;
    if (trouble === null) return null;
    const found = this.away(trouble.cause, details);
    const problem = `${describeUnreliable(trouble)}: ${trouble.cause.message}`;
    return { ...found, problem, status: trouble.failing ? found.status : 'degraded' };
  }

  /** Degraded where the keys at hand go on to verify tokens. */
  private away(outage: ComponentError, details: Details): Unwell {
    const { keys } = this.remote;
    const verifies =
      keys !== null && keys.known && (keys.outage === null || this.config.auth.outagePolicy === 'accept');
    return {
      status: verifies ? 'degraded' : 'failed',
      details: { ...details, ...outage.details },
      problem: outage.message,
      suggestion:
        SUGGESTIONS[outage.reason as ReasonOf<'Authentication'>] ?? 'look the failure up by its reason in the log',
      cause: outage,
    };
  }

  /** Null for a token that is accepted. */
  private async outcome(token: string, signal: AbortSignal): Promise<ComponentError['reason'] | null> {
    try {
      await this.verifier.verify(token, signal);
      return null;
    } catch (error) {
      if (error instanceof ComponentError) return error.reason;
      throw error;
    }
  }

  private issued(issuer: DevelopmentIssuer): Promise<string> {
    return issuer.issue({ user: PROBE_USER, ttlSeconds: PROBE_TTL_SECONDS });
  }

  /** Right in everything but the signature, which nobody made. */
  private forged(): string {
    const [alg = 'HS256'] = this.trusted.algorithms;
    const { issuer: iss, audience: aud, keys } = this.trusted;
    const exp = Math.floor(Date.now() / 1000) + PROBE_TTL_SECONDS;
    const parts = [
      { alg, typ: 'JWT', kid: keys.sample },
      { sub: PROBE_USER, iss, aud, exp },
    ];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${randomBytes(SIGNATURE_BYTES[alg] ?? 256).toString('base64url')}`;
  }
}
