import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { AppConfig } from '../config';
import { AddressRefused, isPublicAddress, publicLookup, type Resolve } from './addresses';
import { type SendFailure, sendFailure, type Sent } from './outcome';
import { retryAfterMs } from './retry-after';

export interface OutboundRequest {
  /** http or https. */
  readonly url: string;
  /** Default POST. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type HttpOutcome = Sent<{ readonly status: number; readonly body: string }> | SendFailure;

const MAX_RESPONSE_BYTES = 65_536;

/** Requests to peers outside: bounded in time and size, no redirect followed, no connection kept, public addresses only unless a setting says otherwise. */
export class OutboundHttp {
  constructor(
    private readonly settings: AppConfig['outbound'],
    private readonly resolve?: Resolve,
  ) {}

  /** Sent: the peer answered with 2xx; its body is cut at 64 KB. Status 429 and 5xx may be tried again, others not. Never rejects. */
  async send(request: OutboundRequest): Promise<HttpOutcome> {
    const signal = AbortSignal.timeout(this.settings.timeoutMs);
    try {
      const response = await this.open(new URL(request.url), request, signal);
      return outcomeOf(response, await bodyOf(response));
    } catch (error) {
      return failureOf(error, signal);
    }
  }

  private async open(url: URL, { method = 'POST', headers, body }: OutboundRequest, signal: AbortSignal) {
    const guarded = !this.settings.privateAddresses;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // A literal address is connected to without a look-up.
    if (guarded && isIP(host) !== 0 && !isPublicAddress(host)) throw new AddressRefused(host);
    const length: OutgoingHttpHeaders = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const options: RequestOptions = {
      method,
      headers: { 'user-agent': 'Clarion', 'accept-encoding': 'identity', ...headers, ...length },
      agent: false,
      signal,
      lookup: guarded ? publicLookup(this.resolve) : undefined,
    };
    const request = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
    // The first failure rejects below, or ends the reading of the answer; one more must not end the process.
    request.on('error', () => undefined);
    request.end(body);
    const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
    return response;
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_RESPONSE_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_RESPONSE_BYTES).toString('utf8');
}

function outcomeOf({ statusCode: status = 0, headers }: IncomingMessage, body: string): HttpOutcome {
  if (status >= 200 && status < 300) return { sent: true, status, body };
  const more = { status, detail: body };
  if (status >= 300 && status < 400) return sendFailure('redirected', false, more);
  const retryable = status === 429 || status >= 500;
  return sendFailure('rejected', retryable, { ...more, retryAfterMs: retryAfterMs(headers['retry-after']) });
}

function failureOf(error: unknown, signal: AbortSignal): SendFailure {
  if (error instanceof AddressRefused) return sendFailure('address_refused', false, { detail: error.message });
  if (signal.aborted) return sendFailure('timed_out', true);
  const { code } = error as { code?: unknown };
  return sendFailure('unreachable', true, { detail: typeof code === 'string' ? code : String(error) });
}
