import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ComponentError } from '../../errors';
import type { Unreliable } from '../../telemetry';
import type { Claims } from '../token-format';
import type { Address } from './address';
import type { AuthEndpoint } from './auth-endpoint';
import type { RemoteSource } from './remote-source';

const CANARY_AFTER_MS = 5_000;
/** A token whose end the service does not name is asked about anew after so long: the client is told to refresh it. */
const UNBOUNDED_SECONDS = 3_600;

const Seconds = z.number().min(0).max(8.64e12);
const Answer = z.discriminatedUnion('active', [
  z.looseObject({ active: z.literal(true), exp: Seconds.optional(), nbf: Seconds.optional(), iat: Seconds.optional() }),
  z.looseObject({ active: z.literal(false) }),
]);

/** Asks the auth service about tokens (RFC 7662), with credentials of our own. */
export class Introspector implements RemoteSource {
  readonly name = 'introspection';
  private readonly authorization: string;

  constructor(
    private readonly address: Address,
    private readonly endpoint: AuthEndpoint,
    clientId: string,
    clientSecret: string,
  ) {
    // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    const [user, password] = [clientId, clientSecret].map(formEncoded);
    this.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }

  get outage(): ComponentError | null {
    return this.address.outage ?? this.endpoint.outage;
  }

  get trouble(): Unreliable<ComponentError> | null {
    return this.endpoint.history.trouble;
  }

  /** The claims of an active token; null for any other. @throws ComponentError what `AuthEndpoint` throws */
  async introspect(token: string): Promise<Claims | null> {
    try {
      const question = { url: await this.address.url(), form: { token, token_type_hint: 'access_token' } };
      const answer = await this.endpoint.ask({ ...question, authorization: this.authorization }, Answer);
      return answer.active ? { ...answer, exp: answer.exp ?? Math.floor(Date.now() / 1000) + UNBOUNDED_SECONDS } : null;
    } catch (error) {
      this.address.forget();
      throw error;
    }
  }

  /** Asks about a token that nobody has, where nothing was asked lately. */
  async probe(): Promise<void> {
    if (this.outage === null && this.endpoint.silentMs < CANARY_AFTER_MS) return;
    try {
      await this.introspect(randomBytes(32).toString('base64url'));
    } catch (error) {
      throw this.outage ?? error;
    }
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
