import { createSecretKey } from 'node:crypto';
import type { AppConfig } from '../config';
import { DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, developmentSecret } from './development/development-secret';
import { type KeySource, SharedSecret } from './key-source';
import type { RemoteAuth } from './remote/remote-auth';

/** Signatures on Edwards curves (RFC 8037, RFC 9864). */
type EdwardsAlgorithm = 'EdDSA' | 'Ed25519';
export type SigningAlgorithm = `${'HS' | 'RS' | 'PS' | 'ES'}${'256' | '384' | '512'}` | EdwardsAlgorithm;

export function isEdwards(algorithm: string): algorithm is EdwardsAlgorithm {
  return algorithm === 'EdDSA' || algorithm === 'Ed25519';
}

/** Whose tokens are accepted. Issuer and audience are required of a token where they are set. */
export class TrustedIssuer {
  constructor(
    readonly keys: KeySource,
    readonly algorithms: readonly SigningAlgorithm[],
    readonly leewaySeconds: number,
    readonly issuer?: string,
    readonly audience?: string,
    readonly emailClaim?: string,
  ) {}

  /** The configured issuer, or the development issuer where none is configured. */
  static async fromConfig({ auth, server }: AppConfig, remote: RemoteAuth): Promise<TrustedIssuer> {
    if (auth.developmentIssuer) {
      const keys = new SharedSecret(await developmentSecret(server.dataDir));
      return new TrustedIssuer(
        keys,
        ['HS256'],
        auth.leewaySeconds,
        DEVELOPMENT_ISSUER,
        DEVELOPMENT_AUDIENCE,
        auth.emailClaim,
      );
    }
    const keys = remote.keys ?? new SharedSecret(createSecretKey(Buffer.from(auth.jwtSecret ?? '')));
    const algorithms = auth.jwtAlgorithms as SigningAlgorithm[];
    const issuer = auth.issuer ?? auth.jwtIssuer;
    return new TrustedIssuer(keys, algorithms, auth.leewaySeconds, issuer, auth.jwtAudience, auth.emailClaim);
  }
}
