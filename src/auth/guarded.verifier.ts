import { ComponentError } from '../errors';
import type { Principal } from './principal';
import type { Revocations } from './revocation/revocations.service';
import { TokenVerifier } from './token-verifier';

/** What all verifiers have in common: nobody waits longer than they want to, and nothing revoked is believed, cached answers included. */
export class GuardedVerifier extends TokenVerifier {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly revocations: Revocations,
  ) {
    super();
  }

  override async verify(token: string, signal?: AbortSignal): Promise<Principal> {
    signal?.throwIfAborted();
    const principal = await unlessAborted(this.verifier.verify(token, signal), signal);
    this.revocations.assertNotRevoked(principal);
    return principal;
  }

  override changesItsMind(token: string): boolean {
    return this.verifier.changesItsMind(token);
  }
}

/** AUTH_ENABLED=0. */
export class DisabledVerifier extends TokenVerifier {
  override verify(): Promise<Principal> {
    return Promise.reject(ComponentError.authentication('AUTH_SERVICE_DISABLED'));
  }
}

/** The work itself goes on: others may be waiting for it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
