import { ComponentError } from '../../errors';
import { principalFrom } from '../claims';
import type { Principal } from '../principal';
import { assertTokenText, type Claims, tokenHash } from '../token-format';
import { TokenVerifier } from '../token-verifier';
import type { TrustedIssuer } from '../trusted-issuer';
import { AnswerCache } from './answer-cache';
import type { Introspector } from './introspector';
import { ownCopy } from './service-failure';
import { SingleFlight } from './single-flight';

/** How long a refusal is remembered: a client that keeps asking costs the service one question in this time. */
const REFUSED_FOR_MS = 3_000;

interface CacheOptions {
  readonly cacheMs: number;
  readonly cacheEntries: number;
}

/** Verifies opaque tokens by asking the auth service, and remembers its answers for a while, never beyond a token's own end. */
export class IntrospectionVerifier extends TokenVerifier {
  private readonly answers: AnswerCache<Principal | ComponentError>;
  private readonly flights = new SingleFlight<Principal>();

  constructor(
    private readonly introspector: Introspector,
    private readonly trusted: TrustedIssuer,
    private readonly options: CacheOptions,
  ) {
    super();
    this.answers = new AnswerCache(options.cacheEntries);
  }

  override verify(token: string): Promise<Principal> {
    assertTokenText(token);
    const hash = tokenHash(token);
    return this.flights.run(hash, async () => {
      const known = this.answers.get(hash);
      if (known instanceof ComponentError) throw ownCopy(known);
      return known ?? this.ask(token, hash);
    });
  }

  override changesItsMind(): boolean {
    return true;
  }

  private async ask(token: string, hash: string): Promise<Principal> {
    const claims = await this.introspector.introspect(token);
    try {
      const principal = this.judge(claims, token);
      const end = principal.expires_at.getTime() + this.trusted.leewaySeconds * 1000;
      this.answers.set(hash, principal, Math.min(Date.now() + this.options.cacheMs, end));
      return principal;
    } catch (error) {
      if (error instanceof ComponentError) this.answers.set(hash, error, Date.now() + REFUSED_FOR_MS);
      throw error;
    }
  }

  /** The service has said that it is active; time, issuer and audience are looked at nevertheless. The issuer may go unnamed. */
  private judge(claims: Claims | null, token: string): Principal {
    if (claims === null) throw ComponentError.authentication('AUTH_TOKEN_INACTIVE');
    const { leewaySeconds, issuer } = this.trusted;
    const now = Date.now() / 1000;
    if (claims.exp <= now - leewaySeconds) {
      throw ComponentError.authentication('AUTH_TOKEN_EXPIRED', { details: { expired_at: iso(claims.exp) } });
    }
    if (claims.nbf !== undefined && claims.nbf > now + leewaySeconds) {
      throw ComponentError.authentication('AUTH_TOKEN_NOT_YET_VALID', { details: { not_before: iso(claims.nbf) } });
    }
    return principalFrom({ iss: issuer, ...claims }, this.trusted, token);
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
