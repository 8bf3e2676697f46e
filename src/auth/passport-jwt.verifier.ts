import { Injectable } from '@nestjs/common';
import { ComponentError, type ReasonOf } from '../errors';
import { PassportJwtStrategy, type PresentedToken } from './passport-jwt.strategy';
import type { Principal } from './principal';
import { assertTokenFormat } from './token-format';
import { TokenVerifier } from './token-verifier';
import { TrustedIssuer } from './trusted-issuer';

/** One run of a strategy, with the outcomes that passport would add to it for an HTTP request. */
interface StrategyRun {
  success(principal: Principal): void;
  fail(challenge: Error): void;
  error(error: Error): void;
  authenticate(presented: PresentedToken): void;
}

/** The errors of `jsonwebtoken`, whose classes `passport-jwt` does not export: `name` is what tells them apart. */
interface TimeError extends Error {
  readonly expiredAt?: Date;
  readonly date?: Date;
}

/** Runs the passport strategy without an HTTP request, for every edge alike. */
@Injectable()
export class PassportJwtVerifier extends TokenVerifier {
  constructor(
    private readonly strategy: PassportJwtStrategy,
    private readonly trusted: TrustedIssuer,
  ) {
    super();
  }

  override async verify(token: string, signal?: AbortSignal): Promise<Principal> {
    signal?.throwIfAborted();
    assertTokenFormat(token, this.trusted.algorithms);
    return new Promise((resolve, reject) => {
      const run = Object.create(this.strategy) as StrategyRun;
      run.success = resolve;
      run.fail = (challenge) => reject(refusal(challenge));
      run.error = reject;
      run.authenticate({ token });
    });
  }
}

/** With the format checked before, a plain `JsonWebTokenError` is the signature; everything unknown stays itself. */
function refusal(challenge: Error): Error {
  const { name, expiredAt, date } = challenge as TimeError;
  switch (name) {
    case 'TokenExpiredError':
      return refused('AUTH_TOKEN_EXPIRED', challenge, { expired_at: expiredAt?.toISOString() });
    case 'NotBeforeError':
      return refused('AUTH_TOKEN_NOT_YET_VALID', challenge, { not_before: date?.toISOString() });
    case 'JsonWebTokenError':
    case 'TypeError': // a signature that has not the form of its algorithm
      return refused('AUTH_TOKEN_SIGNATURE', challenge);
    default:
      return challenge;
  }
}

function refused(
  reason: ReasonOf<'Authentication'>,
  cause: unknown,
  details?: Record<string, unknown>,
): ComponentError {
  return ComponentError.authentication(reason, { cause, details });
}
