import { loadConfig } from '../../config';
import { ComponentError } from '../../errors';
import { verifierOf } from '../auth.module';
import type { TokenVerifier } from '../token-verifier';
import { TrustedIssuer } from '../trusted-issuer';
import { RemoteAuth } from './remote-auth';

/** The verifier that an environment asks for, and the service behind it. */
export async function verifierFor(environment: Record<string, string>): Promise<{
  readonly verifier: TokenVerifier;
  readonly remote: RemoteAuth;
}> {
  const config = loadConfig(environment);
  const remote = RemoteAuth.fromConfig(config);
  return { verifier: verifierOf(config, await TrustedIssuer.fromConfig(config, remote), remote), remote };
}

/** Why a token is refused; `accepted` where it is not. */
export async function refusalOf(verifier: TokenVerifier, token: string): Promise<string> {
  return (await failureOf(verifier, token))?.reason ?? 'accepted';
}

/** The failure of a verification; null where there is none. */
export async function failureOf(verifier: TokenVerifier, token: string): Promise<ComponentError | null> {
  try {
    await verifier.verify(token);
    return null;
  } catch (error) {
    if (error instanceof ComponentError) return error;
    throw error;
  }
}
