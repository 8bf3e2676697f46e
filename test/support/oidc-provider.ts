import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type JWK } from 'oidc-provider';
import { TcpProxy } from './tcp-proxy';

export const CLIENT_ID = 'clarion server';
export const CLIENT_SECRET = 'a secret: with signs & spaces';
export const AUDIENCE = 'urn:clarion';

// It warns of itself whenever it runs outside of production.
for (const level of ['info', 'warn'] as const) {
  const say = console[level].bind(console);
  console[level] = (...said: unknown[]) => (String(said[0]).startsWith('oidc-provider ') ? undefined : say(...said));
}

interface TokenOptions {
  readonly scope?: string;
  /** Lifetime in seconds, an hour by default. */
  readonly ttl?: number;
  readonly audience?: string;
}

type Algorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A real OpenID Provider over TCP, with a proxy before it that breaks the way to it. Its keys can be changed while it runs. */
export class OidcProvider {
  /** What was asked, by path. */
  readonly requests: string[] = [];
  private provider!: Provider;
  private keys: JWK[] = [];
  private intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null;

  private constructor(
    private readonly server: Server,
    readonly proxy: TcpProxy,
    readonly issuer: string,
  ) {}

  static async start(algorithm: Algorithm = 'RS256'): Promise<OidcProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const proxy = await TcpProxy.before(url);
    const started = new OidcProvider(server, proxy, `http://127.0.0.1:${proxy.port}`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => started.answer(request, response));
    started.rotate(algorithm);
    return started;
  }

  get environment(): Record<string, string> {
    return { AUTH_ISSUER: this.issuer, AUTH_JWT_AUDIENCE: AUDIENCE };
  }

  get client(): Record<string, string> {
    return { AUTH_CLIENT_ID: CLIENT_ID, AUTH_CLIENT_SECRET: CLIENT_SECRET };
  }

  get introspectionUrl(): string {
    return `${this.issuer}/token/introspection`;
  }

  get jwksUrl(): string {
    return `${this.issuer}/jwks`;
  }

  /** Signs with a new key from now on; those before stay published unless `withdraw`. */
  rotate(algorithm: Algorithm = 'RS256', withdraw = false): void {
    this.keys = [newKey(algorithm), ...(withdraw ? [] : this.keys)];
    this.provider = providerOf(this.issuer, this.keys);
  }

  /** Answers all, or some, requests in place of the provider; null lets it answer again. */
  answerBy(intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null): void {
    this.intercept = intercept;
  }

  jwt(user: string, options: TokenOptions = {}): Promise<string> {
    return this.token(user, 'jwt', options);
  }

  opaque(user: string, options: TokenOptions = {}): Promise<string> {
    return this.token(user, 'opaque', options);
  }

  /** RFC 7009, as a client does it. */
  async revoke(token: string): Promise<void> {
    const secret = [CLIENT_ID, CLIENT_SECRET].map((part) => encodeURIComponent(part)).join(':');
    const response = await fetch(`${this.issuer}/token/revocation`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(secret).toString('base64')}` },
      body: new URLSearchParams({ token }),
    });
    if (response.status !== 200) throw new Error(`revocation answered ${response.status}`);
  }

  count(path: string): number {
    return this.requests.filter((requested) => requested === path).length;
  }

  async close(): Promise<void> {
    await this.proxy.close();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request.url ?? '');
    if (this.intercept?.(request, response)) return;
    void this.provider.callback()(request, response);
  }

  private async token(user: string, format: 'jwt' | 'opaque', { scope, ttl = 3600, audience }: TokenOptions) {
    const client = await this.provider.Client.find(CLIENT_ID);
    if (client === undefined) throw new Error('the provider does not know its client');
    const resource = { audience: audience ?? AUDIENCE, accessTokenFormat: format, accessTokenTTL: ttl, scope: '' };
    const resourceServer = new this.provider.ResourceServer(resource.audience, resource);
    const grant = new this.provider.Grant({ accountId: user, clientId: CLIENT_ID });
    const token = new this.provider.AccessToken({
      accountId: user,
      client,
      grantId: await grant.save(),
      scope,
      gty: 'client_credentials',
      expiresIn: ttl,
      resourceServer,
    });
    return token.save();
  }
}

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const keyPairs = {
  RS256: rsa,
  PS256: rsa,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

function newKey(algorithm: Algorithm): JWK {
  const { privateKey } = keyPairs[algorithm]();
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), use: 'sig', alg: algorithm, kid: randomUUID() };
}

function providerOf(issuer: string, keys: JWK[]): Provider {
  const [{ alg }] = keys as [JWK];
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['only for the tests'] },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        id_token_signed_response_alg: alg as Algorithm,
      },
    ],
    clientDefaults: { id_token_signed_response_alg: alg as Algorithm },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
    },
  });
}
