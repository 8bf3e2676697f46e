import { errors, jwtVerify } from 'jose';
import { ComponentError } from '../errors';
import { principalFrom } from './claims';
import type { Principal } from './principal';
import { assertTokenFormat, type Claims, keyHintOf } from './token-format';
import { TokenVerifier } from './token-verifier';
import { isEdwards, type TrustedIssuer } from './trusted-issuer';

/** Verifies tokens that are signed on an Edwards curve, which `passport-jwt` cannot, by the same rules; hands on all others. */
export class EdwardsVerifier extends TokenVerifier {
  constructor(
    private readonly others: TokenVerifier,
    private readonly trusted: TrustedIssuer,
  ) {
    super();
  }

  override async verify(token: string, signal?: AbortSignal): Promise<Principal> {
    signal?.throwIfAborted();
    assertTokenFormat(token, this.trusted.algorithms);
    const hint = keyHintOf(token);
    if (!isEdwards(hint.alg)) return this.others.verify(token, signal);
    const key = await this.trusted.keys.keyFor(hint);
    return principalFrom(await this.claimsOf(token, key, hint.alg), this.trusted, token);
  }

  private async claimsOf(token: string, key: Parameters<typeof jwtVerify>[1], algorithm: string): Promise<Claims> {
    try {
      const options = { algorithms: [algorithm], clockTolerance: this.trusted.leewaySeconds };
      return (await jwtVerify(token, key, options)).payload as Claims;
    } catch (error) {
      throw refusal(error);
    }
  }
}

/** With the format checked before, and the signature before the time, whatever else is wrong is the signature, or its key. */
function refusal(cause: unknown): unknown {
  if (cause instanceof errors.JWTExpired) {
    const details = { expired_at: iso(cause.payload.exp) };
    return ComponentError.authentication('AUTH_TOKEN_EXPIRED', { cause, details });
  }
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'nbf') {
    const details = { not_before: iso(cause.payload.nbf) };
    return ComponentError.authentication('AUTH_TOKEN_NOT_YET_VALID', { cause, details });
  }
  const known = cause instanceof errors.JOSEError || cause instanceof TypeError;
  return known ? ComponentError.authentication('AUTH_TOKEN_SIGNATURE', { cause }) : cause;
}

function iso(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
}
