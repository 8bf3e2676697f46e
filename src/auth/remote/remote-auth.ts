import type { AppConfig } from '../../config';
import { type Address, Discovery, fixedAddress } from './address';
import { AuthEndpoint } from './auth-endpoint';
import { Introspector } from './introspector';
import { KeySet } from './key-set';
import type { RemoteSource } from './remote-source';

/** What the configuration makes of the auth service; both null where tokens are verified by a secret alone. */
export class RemoteAuth {
  constructor(
    readonly keys: KeySet | null,
    readonly introspector: Introspector | null,
  ) {}

  static fromConfig({ auth }: AppConfig): RemoteAuth {
    const endpoint = (name: string) => new AuthEndpoint(name, auth.timeoutMs);
    const discovery = auth.issuer === undefined ? null : new Discovery(auth.issuer, endpoint('discovery'));
    const keysAt = addressOf(auth.jwksUrl, discovery?.address('jwks_uri'));
    const asksAt = addressOf(auth.introspectionUrl, discovery?.address('introspection_endpoint'));
    const options = { refreshMs: auth.keysRefreshMs, usedInOutage: auth.outagePolicy === 'accept' };
    const { clientId, clientSecret } = auth;
    return new RemoteAuth(
      keysAt && new KeySet(keysAt, endpoint('key set'), options),
      asksAt && clientId !== undefined && clientSecret !== undefined
        ? new Introspector(asksAt, endpoint('introspection'), clientId, clientSecret)
        : null,
    );
  }

  get sources(): readonly RemoteSource[] {
    return [this.keys, this.introspector].filter((source) => source !== null);
  }
}

function addressOf(configured: string | undefined, discovered: Address | undefined): Address | null {
  return configured === undefined ? (discovered ?? null) : fixedAddress(configured);
}
