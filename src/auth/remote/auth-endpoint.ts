import {
  BrokenCircuitError,
  circuitBreaker,
  ConsecutiveBreaker,
  ConstantBackoff,
  handleWhen,
  retry,
  wrap,
} from 'cockatiel';
import type { z } from 'zod';
import { ComponentError } from '../../errors';
import { CallHistory } from '../../telemetry';
import { invalidAnswer, isServiceFailure, requestFailure } from './service-failure';

/** A key set of a hundred keys has a quarter of this. */
const MAX_ANSWER_BYTES = 256 * 1024;
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 2_000;
const RETRY_PAUSE_MS = 100;

/** What is asked of the service. Everything asked here may be asked twice. */
export interface Question {
  readonly url: string;
  /** Sent by POST; without it the question is a GET. */
  readonly form?: Readonly<Record<string, string>>;
  readonly authorization?: string;
}

/** One endpoint of the auth service: bounded in time and size, tried twice, and left alone for a moment where it keeps failing. */
export class AuthEndpoint {
  /** Of what was asked, and not of what the circuit kept from being asked. */
  readonly history = new CallHistory<ComponentError>();
  private failure: ComponentError | null = null;
  private answeredAt = -Infinity;
  private readonly breaker = circuitBreaker(handleWhen(wearsOut), {
    halfOpenAfter: OPEN_MS,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });
  private readonly policy = wrap(
    this.breaker,
    retry(handleWhen(worthRetrying), { maxAttempts: 1, backoff: new ConstantBackoff(RETRY_PAUSE_MS) }),
  );

  /** @param name of the endpoint in reports: `introspection` */
  constructor(
    readonly name: string,
    private readonly timeoutMs: number,
  ) {}

  /** Why the endpoint does not work; null where it does, for all that is known. The same object for as long as the reason is the same. */
  get outage(): ComponentError | null {
    return this.failure;
  }

  /** Milliseconds since the last good answer. */
  get silentMs(): number {
    return performance.now() - this.answeredAt;
  }

  /**
   * The answer, checked.
   * @throws ComponentError AUTH_SERVICE_UNAVAILABLE, AUTH_SERVICE_TIMEOUT, AUTH_SERVICE_INVALID_ANSWER, AUTH_CREDENTIALS_REFUSED, AUTH_CIRCUIT_OPEN
   */
  async ask<T>(question: Question, schema: z.ZodType<T>): Promise<T> {
    const signal = AbortSignal.timeout(this.timeoutMs);
    try {
      const answer = await this.policy.execute(() => this.attempt(question, schema, signal));
      this.failure = null;
      this.history.succeeded();
      this.answeredAt = performance.now();
      return answer;
    } catch (error) {
      throw this.remember(error);
    }
  }

  private async attempt<T>(question: Question, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    try {
      const { status, text } = await send(question, signal);
      const parsed = schema.safeParse(bodyOf(status, text));
      if (parsed.success) return parsed.data;
      throw invalidAnswer('fields', {
        issues: parsed.error.issues.slice(0, 5).map(({ path, code }) => ({ path, code })),
      });
    } catch (error) {
      const { reason, details, cause } = requestFailure(error, this.timeoutMs);
      const { origin, pathname } = new URL(question.url);
      throw new ComponentError(reason, { details: { endpoint: this.name, url: origin + pathname, ...details }, cause });
    }
  }

  private remember(error: unknown): unknown {
    if (error instanceof BrokenCircuitError) {
      const details = { endpoint: this.name, failing: this.failure?.reason };
      return ComponentError.authentication('AUTH_CIRCUIT_OPEN', { details, cause: this.failure ?? error });
    }
    if (!isServiceFailure(error)) return error;
    this.history.failed(error);
    if (error.reason !== this.failure?.reason) this.failure = error;
    return error;
  }
}

/** An endpoint that knows its mind, if only to refuse us, is no reason to leave it alone. */
function wearsOut(error: unknown): boolean {
  return isServiceFailure(error) && error.reason !== 'AUTH_CREDENTIALS_REFUSED';
}

/** Only what failed fast: what ran out of time has none left. */
function worthRetrying(error: unknown): boolean {
  return error instanceof ComponentError && error.reason === 'AUTH_SERVICE_UNAVAILABLE';
}

async function send({ url, form, authorization }: Question, signal: AbortSignal) {
  const response = await fetch(url, {
    method: form ? 'POST' : 'GET',
    headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: form ? new URLSearchParams(form) : undefined,
    redirect: 'manual',
    signal,
  });
  return { status: response.status, text: await boundedText(response) };
}

async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw invalidAnswer('size', { max_bytes: MAX_ANSWER_BYTES });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function bodyOf(status: number, text: string): unknown {
  if (status === 200) return jsonOf(text);
  if (status >= 500 || status === 429) {
    throw ComponentError.authentication('AUTH_SERVICE_UNAVAILABLE', { details: { status } });
  }
  const oauthError = /"error"\s*:\s*"(\w{1,64})"/.exec(text)?.[1];
  if (status === 401 || status === 403 || oauthError === 'invalid_client') {
    throw ComponentError.authentication('AUTH_CREDENTIALS_REFUSED', { details: { status, oauth_error: oauthError } });
  }
  // What cannot be introspected, as a structured token at some services, is not active (RFC 7662 leaves it open).
  if (oauthError === 'unsupported_token_type') return { active: false };
  throw invalidAnswer('status', { status, oauth_error: oauthError });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidAnswer('no JSON', {}, cause);
  }
}
