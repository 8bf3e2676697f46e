import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import { principalFrom } from './claims';
import type { Principal } from './principal';
import { type Claims, keyHintOf } from './token-format';
import { isEdwards, TrustedIssuer } from './trusted-issuer';

/** What the strategy is run on: sockets and HTTP take the token out of their request themselves. */
export interface PresentedToken {
  readonly token: string;
}

/** Signature and time by `passport-jwt`, with pinned algorithms; the claims by `principalFrom`. */
@Injectable()
export class PassportJwtStrategy extends PassportStrategy(Strategy, 'clarion-jwt') {
  constructor(private readonly trusted: TrustedIssuer) {
    super({
      jwtFromRequest: (presented: unknown) => (presented as PresentedToken).token,
      // A KeyObject is never guessed to be a PEM key, as text is; the types know only text.
      secretOrKeyProvider: (_presented, token: string, done) => {
        trusted.keys.keyFor(keyHintOf(token)).then((key) => done(null, key as unknown as Buffer), done);
      },
      passReqToCallback: true,
      algorithms: trusted.algorithms.filter((algorithm) => !isEdwards(algorithm)),
      jsonWebTokenOptions: { clockTolerance: trusted.leewaySeconds },
    });
  }

  validate({ token }: PresentedToken, claims: Claims): Principal {
    return principalFrom(claims, this.trusted, token);
  }
}
