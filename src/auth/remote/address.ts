import { z } from 'zod';
import type { ComponentError } from '../../errors';
import type { AuthEndpoint } from './auth-endpoint';
import { invalidAnswer } from './service-failure';
import { SingleFlight } from './single-flight';

/** Where something of the auth service is: as configured, or as its issuer says. */
export interface Address {
  /** @throws ComponentError where the issuer cannot be asked */
  url(): Promise<string>;
  /** What is known may be outdated: the next question asks the issuer again. */
  forget(): void;
  /** Why the issuer cannot be asked; null where it can. */
  readonly outage: ComponentError | null;
}

/** As configured. */
export function fixedAddress(url: string): Address {
  return { url: () => Promise.resolve(url), forget: () => undefined, outage: null };
}

const Metadata = z.object({
  issuer: z.string(),
  jwks_uri: z.url({ protocol: /^https?$/ }),
  introspection_endpoint: z.url({ protocol: /^https?$/ }).optional(),
});
type Metadata = z.infer<typeof Metadata>;

/** OpenID Connect Discovery 1.0: the metadata of an issuer, asked for when they are needed and after every doubt. */
export class Discovery {
  private known: Metadata | null = null;
  private readonly flights = new SingleFlight<Metadata>();

  constructor(
    private readonly issuer: string,
    private readonly endpoint: AuthEndpoint,
  ) {}

  address(name: 'jwks_uri' | 'introspection_endpoint'): Address {
    const { endpoint } = this;
    return {
      url: () => this.find(name),
      forget: () => (this.known = null),
      get outage() {
        return endpoint.outage;
      },
    };
  }

  private async find(name: 'jwks_uri' | 'introspection_endpoint'): Promise<string> {
    this.known ??= await this.flights.run('', () => this.discover());
    const url = this.known[name];
    if (url === undefined) throw invalidAnswer(`the issuer names no ${name}`, { issuer: this.issuer });
    return url;
  }

  private discover(): Promise<Metadata> {
    const url = `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    return this.endpoint.ask(
      { url },
      Metadata.refine((found) => this.isOurs(found)),
    );
  }

  /** Exactly the issuer that was asked (section 4.3), and nothing on an open way where the issuer is on a closed one. */
  private isOurs({ issuer, jwks_uri, introspection_endpoint }: Metadata): boolean {
    const { protocol } = new URL(this.issuer);
    const urls = [jwks_uri, introspection_endpoint ?? jwks_uri];
    return issuer === this.issuer && urls.every((url) => protocol === 'http:' || url.startsWith('https:'));
  }
}
