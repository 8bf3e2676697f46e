import type { Principal } from './principal';

/** The contract of everything that verifies a caller. Sockets and HTTP use the same one. */
export abstract class TokenVerifier {
  /**
   * @param token as the caller presented it
   * @param signal ends a verification that waits for another service
   * @throws ComponentError 1002, its reason one of `AUTH_TOKEN_*`, `AUTH_ALGORITHM_NOT_ALLOWED`, `AUTH_SERVICE_*`, `AUTH_CIRCUIT_OPEN`, `AUTH_CREDENTIALS_REFUSED`;
   *   DATABASE_UNAVAILABLE while it is unknown what has been revoked
   */
  abstract verify(token: string, signal?: AbortSignal): Promise<Principal>;

  /** Whether another question about a token that was verified may have another answer before its end. */
  changesItsMind(_token: string): boolean {
    return false;
  }
}
