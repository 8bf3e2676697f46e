import { createSecretKey, randomBytes } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { SignJWT } from 'jose';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import { DevelopmentIssuer } from './development/development.issuer';
import { TokenVerifier } from './token-verifier';
import { TrustedIssuer } from './trusted-issuer';

const PROBE_USER = 'health-check';
const PROBE_TTL_SECONDS = 60;

/** The verifier refuses a token of a stranger's key and, where tokens are issued here, accepts one of ours. */
@Injectable()
export class AuthIndicator extends HealthIndicator {
  override readonly component = 'auth';

  constructor(
    private readonly config: AppConfig,
    private readonly trusted: TrustedIssuer,
    private readonly verifier: TokenVerifier,
    @Optional() private readonly issuer?: DevelopmentIssuer,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    const details = {
      verifier: this.config.auth.developmentIssuer ? 'development issuer' : 'jwt secret',
      issuer: this.trusted.issuer ?? null,
      audience: this.trusted.audience ?? null,
      algorithms: [...this.trusted.algorithms],
    };
    const forged = await this.outcome(await this.forged(), signal);
    if (forged === null) {
      const suggestion = 'take this process out of service, and check AUTH_*';
      return { status: 'failed', details, problem: 'A forged token was accepted', suggestion };
    }
    const refused = this.issuer ? await this.outcome(await this.issued(this.issuer), signal) : null;
    const unexpected = forged === 'AUTH_TOKEN_SIGNATURE' ? refused : forged;
    if (unexpected === null) return { status: 'healthy', details };
    const problem = `Tokens are not judged as they should be (${unexpected})`;
    const suggestion = 'compare AUTH_* with the issuer; with the development issuer, restart this process';
    return { status: 'failed', details, problem, suggestion, cause: new ComponentError(unexpected) };
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

  /** Right in everything but the signature. */
  private forged(): Promise<string> {
    const [alg = 'HS256'] = this.trusted.algorithms;
    const claims = { sub: PROBE_USER, iss: this.trusted.issuer, aud: this.trusted.audience };
    const exp = Math.floor(Date.now() / 1000) + PROBE_TTL_SECONDS;
    return new SignJWT({ ...claims, exp })
      .setProtectedHeader({ alg, typ: 'JWT' })
      .sign(createSecretKey(randomBytes(64)));
  }
}
