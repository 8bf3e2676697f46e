import { KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createLocalJWKSet, errors } from 'jose';
import { z } from 'zod';
import { ComponentError } from '../../errors';
import type { Unreliable } from '../../telemetry';
import { type KeyHint, KeySource } from '../key-source';
import type { Address } from './address';
import type { AuthEndpoint } from './auth-endpoint';
import type { RemoteSource } from './remote-source';
import { invalidAnswer, ownCopy } from './service-failure';

const LEAST_PAUSE_MS = 1_000;

const KeySetDocument = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string(), kid: z.string().optional() }))
    .min(1)
    .max(100),
});

interface KeySetOptions {
  /** Age at which the keys are read again, in milliseconds. */
  readonly refreshMs: number;
  /** Whether the keys at hand verify tokens while the service is down. */
  readonly usedInOutage: boolean;
}

/**
 * The keys that an issuer publishes. They are kept while it is away; a key that is not among them has them read again, so that a
 * token is refused only by a key set that is younger than its arrival.
 */
export class KeySet extends KeySource implements RemoteSource {
  override sample: string | undefined;
  readonly name = 'key set';
  private keys: ReturnType<typeof createLocalJWKSet> | null = null;
  private begunAt = -Infinity;
  private readAt = -Infinity;
  private failed: Error | null = null;
  private reading: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(
    private readonly address: Address,
    private readonly endpoint: AuthEndpoint,
    private readonly options: KeySetOptions,
  ) {
    super();
  }

  get outage(): ComponentError | null {
    return this.address.outage ?? this.endpoint.outage;
  }

  get trouble(): Unreliable<ComponentError> | null {
    return this.endpoint.history.trouble;
  }

  /** Whether there are keys to verify tokens with while the service is away. */
  get known(): boolean {
    return this.keys !== null;
  }

  override async keyFor(hint: KeyHint): Promise<KeyObject> {
    if (!this.options.usedInOutage && this.outage !== null) throw ownCopy(this.outage);
    try {
      const key = (await this.pick(hint)) ?? (await this.pickAfter(this.reading, hint));
      if (key !== null) return key;
      const read = await this.pickAfter(this.read(), hint);
      if (read !== null) return read;
    } catch (error) {
      throw ownCopy(error);
    }
    throw ComponentError.authentication('AUTH_TOKEN_SIGNATURE', { details: { problem: 'the issuer has no such key' } });
  }

  async probe(): Promise<void> {
    if (this.outage === null && performance.now() - this.readAt < this.options.refreshMs) return;
    try {
      await (this.reading ?? this.read());
    } catch (error) {
      throw this.outage ?? error;
    }
  }

  private async pickAfter(work: Promise<void> | null, hint: KeyHint): Promise<KeyObject | null> {
    if (work === null) return null;
    await work;
    return this.pick(hint);
  }

  /** Null for a key that is not there, or not told apart from others for want of a `kid`. */
  private async pick(hint: KeyHint): Promise<KeyObject | null> {
    if (this.keys === null) return null;
    try {
      return KeyObject.from(await this.keys({ ...hint }));
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return null;
      throw invalidAnswer('key', { kid: hint.kid }, error);
    }
  }

  /** A read that begins from now on, shared by all who wait for it. What failed a moment ago is not asked again at once. */
  private read(): Promise<void> {
    const recently = performance.now() - this.begunAt < LEAST_PAUSE_MS;
    if (this.failed !== null && recently) return Promise.reject(this.failed);
    this.next ??= this.begin();
    return this.next;
  }

  private async begin(): Promise<void> {
    await Promise.allSettled([this.reading]);
    const pauseMs = this.begunAt + LEAST_PAUSE_MS - performance.now();
    if (pauseMs > 0) await delay(pauseMs);
    this.next = null;
    this.begunAt = performance.now();
    this.reading = this.load().finally(() => (this.reading = null));
    return this.reading;
  }

  private async load(): Promise<void> {
    try {
      const document = await this.endpoint.ask({ url: await this.address.url() }, KeySetDocument);
      this.keys = createLocalJWKSet(document);
      this.sample = document.keys.find(({ kid }) => kid !== undefined)?.kid;
      this.readAt = performance.now();
      this.failed = null;
    } catch (error) {
      this.address.forget();
      this.failed = error as Error;
      throw error;
    }
  }
}
