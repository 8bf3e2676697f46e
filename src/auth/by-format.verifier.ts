import type { Principal } from './principal';
import { isStructured } from './token-format';
import { TokenVerifier } from './token-verifier';

/** Verifies JSON Web Tokens by their signature, and asks about all others. */
export class ByFormatVerifier extends TokenVerifier {
  constructor(
    private readonly structured: TokenVerifier,
    private readonly opaque: TokenVerifier,
  ) {
    super();
  }

  override verify(token: string, signal?: AbortSignal): Promise<Principal> {
    return this.verifierOf(token).verify(token, signal);
  }

  override changesItsMind(token: string): boolean {
    return this.verifierOf(token).changesItsMind(token);
  }

  private verifierOf(token: string): TokenVerifier {
    return isStructured(token) ? this.structured : this.opaque;
  }
}
