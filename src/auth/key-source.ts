import type { KeyObject } from 'node:crypto';

/** The part of a token's header that says which key it is signed with. Its `alg` is one of those allowed. */
export interface KeyHint {
  readonly alg: string;
  readonly kid?: string;
}

/** Where the keys come from that tokens are verified with. */
export abstract class KeySource {
  /** @throws ComponentError AUTH_TOKEN_SIGNATURE where there is no such key, or why the auth service does not give its keys */
  abstract keyFor(hint: KeyHint): Promise<KeyObject>;

  /** A key that may be named by a forged token, so that it fails by nothing but its signature. */
  abstract readonly sample: string | undefined;
}

/** One key, shared with the issuer. */
export class SharedSecret extends KeySource {
  override readonly sample = undefined;

  constructor(private readonly key: KeyObject) {
    super();
  }

  override keyFor(): Promise<KeyObject> {
    return Promise.resolve(this.key);
  }
}
