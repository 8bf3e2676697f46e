import { createSecretKey, type KeyObject } from 'node:crypto';
import type { AppConfig } from '../config';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, developmentSecret } from './development/development-secret';

export type HmacAlgorithm = 'HS256' | 'HS384' | 'HS512';

/** Whose tokens are accepted. Issuer and audience are required of a token where they are set. */
export class TrustedIssuer {
  constructor(
    readonly key: KeyObject,
    readonly algorithms: readonly HmacAlgorithm[],
    readonly leewaySeconds: number,
    readonly issuer?: string,
    readonly audience?: string,
  ) {}

  /** The configured issuer, or the development issuer where none is configured. */
  static async fromConfig({ auth, server }: AppConfig): Promise<TrustedIssuer> {
    if (auth.developmentIssuer) {
      const secret = await developmentSecret(server.dataDir);
      return new TrustedIssuer(secret, ['HS256'], auth.leewaySeconds, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE);
    }
    const secret = createSecretKey(Buffer.from(auth.jwtSecret ?? ''));
    const algorithms = auth.jwtAlgorithms as HmacAlgorithm[];
    return new TrustedIssuer(secret, algorithms, auth.leewaySeconds, auth.jwtIssuer, auth.jwtAudience);
  }
}
