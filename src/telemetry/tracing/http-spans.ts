import type { Span } from '@opentelemetry/api';
import type { Request, RequestHandler, Response } from 'express';
import { markFailed } from './scope';
import { Tracing } from './tracing';

/** Asked every few seconds by machines: their failures have a trace id like others, and no span. */
const PROBES = /^\/(?:health|metrics)(?:\/|$)/;

/** Puts every HTTP request into a span, which goes on with the trace of the `traceparent` that it came with. To be used before all other middleware. */
export function httpSpans(tracing: Tracing): RequestHandler {
  const ids = Tracing.off();
  return (request, response, next) => {
    const parent = request.get('traceparent') ?? null;
    const options = { kind: 'SERVER', attributes: { 'http.request.method': request.method }, parent } as const;
    const recording = PROBES.test(request.path) ? ids : tracing;
    void recording.root(request.method, options, async (span) => {
      const closed = new Promise<void>((resolve) => void response.once('close', () => resolve()));
      next();
      await closed;
      conclude(span, request, response);
    });
  };
}

/** By the pattern of the route, of which there are only so many: a path may name a user. */
function conclude(span: Span, request: Request, { statusCode }: Response): void {
  const route = (request.route as { path?: unknown } | undefined)?.path;
  if (typeof route === 'string') span.updateName(`${request.method} ${route}`).setAttribute('http.route', route);
  span.setAttribute('http.response.status_code', statusCode);
  if (statusCode >= 500) markFailed(span, String(statusCode));
}
