import { ComponentError } from '../../errors';
import { traceHeaders } from '../../telemetry';

export interface FetchLimits {
  /** Longest wait for the headers, and then for each piece of the body. */
  readonly silenceMs: number;
  readonly maxBytes: number;
}

type Fetch = typeof globalThis.fetch;

/**
 * `fetch` that waits for no provider for ever, and reads no more than it can keep. Redirects are not followed: they would take credentials along.
 * Whoever is asked from within a trace is told of it, unless the caller has. The promise, or the reading of the body, rejects with PROVIDER_TIMEOUT or PROVIDER_RESPONSE_INVALID (1006).
 */
export function boundedFetch(provider: string, { silenceMs, maxBytes }: FetchLimits): Fetch {
  return async (input, init) => {
    const silence = new AbortController();
    const watch = async <T>(work: Promise<T>): Promise<T> => {
      const error = ComponentError.dependencies('PROVIDER_TIMEOUT', { details: { provider, timeout_ms: silenceMs } });
      const timer = setTimeout(() => silence.abort(error), silenceMs);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
      }
    };
    const signals = [silence.signal, ...(init?.signal ? [init.signal] : [])];
    const signal = AbortSignal.any(signals);
    const asked = { ...init, headers: joinTrace(init?.headers), redirect: 'manual', signal } as const;
    const response = await watch(fetch(input, asked));
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(bounded(provider, response.body.getReader(), maxBytes, watch), { status, statusText, headers });
  };
}

function joinTrace(given: RequestInit['headers']): Headers {
  const headers = new Headers(given);
  for (const [name, value] of Object.entries(traceHeaders())) if (!headers.has(name)) headers.set(name, value);
  return headers;
}

type Watch = <T>(work: Promise<T>) => Promise<T>;

/** The same body; only while somebody waits for a piece does the provider's silence count. */
function bounded(
  provider: string,
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
  watch: Watch,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let received = 0;
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await watch(reader.read());
      if (done) return controller.close();
      received += value.length;
      if (received > maxBytes) {
        const error = ComponentError.dependencies('PROVIDER_RESPONSE_INVALID', {
          details: { provider, limit: maxBytes },
        });
        await reader.cancel(error);
        throw error;
      }
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
