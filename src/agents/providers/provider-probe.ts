import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError, FailureReporter, PeriodicLoop } from '../../errors';
import { PROVIDER } from './model-provider.service';
import { reasonOfStatus } from './provider-failure';

/** The longest look; never longer than a model may be silent. */
const PROBE_MS = 10_000;
/** While it is away, so that its return is seen. */
const AWAY_EVERY_MS = 5_000;
const MAX_LIST_BYTES = 4_194_304;

/** What the last look at the provider found. */
export interface Probe {
  readonly at: Date;
  readonly latency_ms: number;
  /** Null where it did not answer. */
  readonly status: number | null;
  readonly failure: ComponentError | null;
}

/** Asks the provider for its models now and then: that costs nothing, and shows address and credentials to be right. */
@Injectable()
export class ProviderProbe implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: PeriodicLoop;
  /** Null before the first look has ended. */
  last: Probe | null = null;

  constructor(
    private readonly config: AppConfig,
    reporter: FailureReporter,
  ) {
    const everyMs = Math.min(config.llm.probeEveryMs, AWAY_EVERY_MS);
    const work = async (): Promise<void> => {
      if (this.isDue(everyMs)) this.last = await this.look();
    };
    this.loop = new PeriodicLoop({ name: 'provider.probe', everyMs, work, reporter });
  }

  get configured(): boolean {
    return this.config.llm.baseUrl !== undefined;
  }

  onApplicationBootstrap(): void {
    if (!this.configured) return;
    this.loop.start();
    void this.loop.trigger();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** @param turnMs a look that would be due within half of that is made now */
  private isDue(turnMs: number): boolean {
    if (this.last === null || this.last.failure !== null) return true;
    return Date.now() - this.last.at.getTime() >= this.config.llm.probeEveryMs - turnMs / 2;
  }

  private async look(): Promise<Probe> {
    const started = performance.now();
    const found = (status: number | null, failure: ComponentError | null): Probe => {
      return { at: new Date(), latency_ms: Math.round(performance.now() - started), status, failure };
    };
    try {
      const { status, json } = await this.models();
      const reason = reasonOfStatus(status) ?? (json ? null : 'PROVIDER_RESPONSE_INVALID');
      // Not every provider lists its models; it is there.
      if (reason === null || reason === 'PROVIDER_MODEL_UNKNOWN') return found(status, null);
      return found(status, ComponentError.dependencies(reason, { details: { provider: PROVIDER, status } }));
    } catch (cause) {
      const reason = isTimeout(cause) ? 'PROVIDER_TIMEOUT' : 'PROVIDER_UNAVAILABLE';
      return found(null, ComponentError.dependencies(reason, { cause, details: { provider: PROVIDER } }));
    }
  }

  private async models(): Promise<{ status: number; json: boolean }> {
    const { baseUrl = '', apiKey, silenceMs } = this.config.llm;
    const response = await fetch(`${baseUrl.replace(/\/+$/, '')}/models`, {
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      redirect: 'manual',
      signal: AbortSignal.timeout(Math.min(PROBE_MS, silenceMs)),
    });
    if (response.ok) return { status: response.status, json: await isJson(response) };
    await response.body?.cancel();
    return { status: response.status, json: false };
  }
}

/** Whether it answers as a provider does, and not a page of something that stands before it. */
async function isJson(response: Response): Promise<boolean> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    // So long a list is not read to its end.
    if (bytes > MAX_LIST_BYTES) return true;
  }
  try {
    JSON.parse(Buffer.concat(chunks).toString());
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
