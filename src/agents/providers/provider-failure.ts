import { APICallError, InvalidResponseDataError, JSONParseError, StreamProviderError, TypeValidationError } from 'ai';
import { classify, ComponentError, type ReasonOf } from '../../errors';

type ProviderReason = ReasonOf<'Dependencies'>;

/** Codes (and types) of OpenAI's error body that say more than the status. */
const BY_CODE: ReadonlyMap<string, ProviderReason> = new Map(
  Object.entries<ProviderReason>({
    invalid_api_key: 'PROVIDER_CREDENTIALS',
    insufficient_quota: 'PROVIDER_QUOTA_EXHAUSTED',
    rate_limit_exceeded: 'PROVIDER_RATE_LIMITED',
    model_not_found: 'PROVIDER_MODEL_UNKNOWN',
    context_length_exceeded: 'PROVIDER_CONTEXT_TOO_LONG',
    exceed_context_size_error: 'PROVIDER_CONTEXT_TOO_LONG',
    content_filter: 'PROVIDER_CONTENT_FILTERED',
    content_policy_violation: 'PROVIDER_CONTENT_FILTERED',
  }),
);
const BY_STATUS: ReadonlyMap<number, ProviderReason> = new Map<number, ProviderReason>([
  [401, 'PROVIDER_CREDENTIALS'],
  [402, 'PROVIDER_QUOTA_EXHAUSTED'],
  [403, 'PROVIDER_CREDENTIALS'],
  [404, 'PROVIDER_MODEL_UNKNOWN'],
  [408, 'PROVIDER_UNAVAILABLE'],
  [413, 'PROVIDER_CONTEXT_TOO_LONG'],
  [429, 'PROVIDER_RATE_LIMITED'],
]);
const MAX_MESSAGE = 500;
const LONGEST_RETRY_MS = 3_600_000;

/** What one call was about, for its failure. */
export interface CallFacts {
  readonly provider: string;
  readonly model: string;
  /** Masked wherever the provider repeats it. */
  readonly secret: string | undefined;
  /** Whether anything that could be understood had come before. */
  readonly answering: boolean;
}

/** What of a provider's answer decides. */
interface Said {
  readonly status: number | undefined;
  readonly code: string | undefined;
}

/** What a provider said, without what we had sent to it: the request holds the conversation, and the headers the key. */
class ProviderAnswer extends Error {
  override readonly name = 'ProviderAnswer';

  constructor(
    message: string,
    readonly status: number | undefined,
    readonly code: string | undefined,
  ) {
    super(message);
  }
}

/** A failure of a model call, by its type, status and code; never by words. */
export function providerFailure(error: unknown, facts: CallFacts): ComponentError {
  const own = componentErrorIn(error);
  if (own !== null) return own;
  const { provider, model } = facts;
  const said = saidBy(error);
  const reason = reasonOf(error, said, facts.answering);
  const retryAfterMs = retryAfter(error);
  return new ComponentError(reason, {
    details: { provider, model, ...said },
    cause: causeOf(error, said, facts.secret),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

/** Null for a status of success. */
export function reasonOfStatus(status: number): ProviderReason | null {
  if (status < 300) return null;
  return BY_STATUS.get(status) ?? (status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_REJECTED');
}

function reasonOf(error: unknown, { status, code }: Said, answering: boolean): ComponentError['reason'] {
  const ofCode = code === undefined ? undefined : BY_CODE.get(code);
  if (ofCode !== undefined) return ofCode;
  const ofStatus = status === undefined ? null : reasonOfStatus(status);
  if (ofStatus !== null) return ofStatus;
  if (JSONParseError.isInstance(error) || TypeValidationError.isInstance(error)) return 'PROVIDER_RESPONSE_INVALID';
  if (InvalidResponseDataError.isInstance(error)) {
    return answering ? 'PROVIDER_STREAM_BROKEN' : 'PROVIDER_RESPONSE_INVALID';
  }
  // A status of success, and then the connection was lost.
  return status === undefined ? classify(error, 'Dependencies').reason : 'PROVIDER_STREAM_BROKEN';
}

function saidBy(error: unknown): Said {
  if (APICallError.isInstance(error)) {
    const { code, type } = (error.data as { error?: ErrorBody } | undefined)?.error ?? {};
    return { status: error.statusCode, code: knownOr(code, type) };
  }
  if (StreamProviderError.isInstance(error)) {
    // `statusCode` may have been guessed from the message; some providers send it as the code.
    const status = typeof error.code === 'number' ? error.code : undefined;
    return { status, code: knownOr(error.code, error.type) };
  }
  return { status: undefined, code: undefined };
}

interface ErrorBody {
  code?: unknown;
  type?: unknown;
}

/** Providers disagree in which of the two fields stands what happened. */
function knownOr(code: unknown, type: unknown): string | undefined {
  const texts = [code, type].filter((value) => typeof value === 'string');
  return texts.find((text) => BY_CODE.has(text)) ?? texts[0];
}

/** What is kept as the cause: network errors as they are, and of a provider's answer only what it said. */
function causeOf(error: unknown, { status, code }: Said, secret: string | undefined): unknown {
  if (!(error instanceof Error)) return new ProviderAnswer('An error of an unknown form', status, code);
  if (APICallError.isInstance(error) && error.statusCode === undefined) return error.cause;
  if (error.name.startsWith('AI_')) return new ProviderAnswer(masked(error.message, secret), status, code);
  return error;
}

function masked(message: string, secret: string | undefined): string {
  const text = secret === undefined || secret === '' ? message : message.replaceAll(secret, '[redacted]');
  return text.slice(0, MAX_MESSAGE);
}

/** `Retry-After` in milliseconds, of seconds or a date (RFC 9110, section 10.2.3); null where there is none. */
function retryAfter(error: unknown): number | null {
  const header = APICallError.isInstance(error) ? error.responseHeaders?.['retry-after'] : undefined;
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), LONGEST_RETRY_MS);
}

function componentErrorIn(error: unknown): ComponentError | null {
  for (let link = error, depth = 0; link instanceof Error && depth < 10; link = link.cause, depth += 1) {
    if (link instanceof ComponentError) return link;
  }
  return null;
}
