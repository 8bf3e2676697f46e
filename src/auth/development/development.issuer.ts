import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { v7 as uuid } from 'uuid';
import { assertSubject } from '../claims';
import { ADMIN_SCOPE } from '../principal';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, developmentSecret } from './development-secret';

const DEFAULT_TTL_SECONDS = 3600;

export interface TokenRequest {
  readonly user: string;
  /** Adds the scope `admin`. */
  readonly admin?: boolean;
  /** Lifetime in seconds, an hour by default. */
  readonly ttlSeconds?: number;
}

/** Issues tokens for development. Exists only while no issuer is configured, never in production. */
export class DevelopmentIssuer {
  constructor(private readonly key: KeyObject) {}

  /** Opens the issuer of a data directory, creating its secret where there is none. */
  static async open(dataDir: string): Promise<DevelopmentIssuer> {
    return new DevelopmentIssuer(await developmentSecret(dataDir));
  }

  /** @throws ComponentError AUTH_TOKEN_SUBJECT for a name that cannot be a user id */
  async issue({ user, admin = false, ttlSeconds = DEFAULT_TTL_SECONDS }: TokenRequest): Promise<string> {
    assertSubject(user);
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT(admin ? { scope: ADMIN_SCOPE } : {})
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(DEVELOPMENT_ISSUER)
      .setAudience(DEVELOPMENT_AUDIENCE)
      .setSubject(user)
      .setJti(uuid())
      .setIssuedAt(now)
      .setExpirationTime(now + ttlSeconds)
      .sign(this.key);
  }
}
