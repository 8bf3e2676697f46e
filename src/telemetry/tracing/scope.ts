import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent } from './traceparent';

/** What every log line within a span says. */
export interface LogFields {
  readonly user_id?: string;
  readonly run_id?: string;
}

export interface SpanOptions {
  readonly kind?: keyof typeof SpanKind;
  /** Exported: no user, and nothing that anybody wrote. */
  readonly attributes?: Attributes;
  readonly fields?: LogFields;
}

/** Where the code that runs now stands in a trace. Without a tracer there are ids alone: nothing is recorded, nothing is sent. */
interface Scope {
  readonly span: Span;
  readonly tracer: Tracer | null;
  readonly fields: LogFields;
}

const scopes = new AsyncLocalStorage<Scope>();

/** Runs `work` within a span that begins a trace, or goes on with the one that `parent` (a W3C `traceparent`) names. */
export function inRootSpan<T>(
  tracer: Tracer | null,
  name: string,
  { parent, ...options }: SpanOptions & { readonly parent?: string | null },
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = begin(tracer, name, options, parseTraceparent(parent));
  return within({ span, tracer, fields: options.fields ?? {} }, () => work(span));
}

/** Runs `work` within a span below the one that is open here; without one, without. */
export function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const scope = scopes.getStore();
  if (scope === undefined) return work();
  const span = begin(scope.tracer, name, options, scope.span.spanContext());
  return within({ ...scope, span, fields: { ...scope.fields, ...options.fields } }, work);
}

/** A span below the one that is open here, for what is no promise; the caller ends it. */
export function childSpan(name: string, options: SpanOptions): Span {
  const scope = scopes.getStore();
  return begin(scope?.tracer ?? null, name, options, scope?.span.spanContext() ?? null);
}

/** What many traces share belongs to none: `work` runs outside of the one that happened to start it. */
export function untraced<T>(work: () => T): T {
  return scopes.exit(work);
}

/** W3C trace id, 32 hex digits; null outside of any trace. */
export function currentTraceId(): string | null {
  return scopes.getStore()?.span.spanContext().traceId ?? null;
}

/** To be kept with work that another process may take up; null outside of any trace. */
export function currentTraceparent(): string | null {
  const span = scopes.getStore()?.span;
  return span === undefined ? null : formatTraceparent(span.spanContext());
}

/** The header by which a server that is asked from within `span` (default: the one open here) joins the trace; none where nothing is recorded. */
export function traceHeaders(span = scopes.getStore()?.span): Record<string, string> {
  return span?.isRecording() === true ? { traceparent: formatTraceparent(span.spanContext()) } : {};
}

/** What a log line says of where it was written. */
export function logFields(): Record<string, string> {
  const scope = scopes.getStore();
  return scope === undefined ? {} : { trace_id: scope.span.spanContext().traceId, ...scope.fields };
}

/** Notes a reported failure at the span in which it happened. */
export function noteFailure(failure: { reason: string; support_code: string; severity: string }): void {
  const span = scopes.getStore()?.span;
  if (span === undefined) return;
  span.addEvent('failure', { ...failure });
  if (failure.severity === 'error' || failure.severity === 'critical') markFailed(span, failure.reason);
}

/** @param type of a bounded number: a reason, or the name of a class */
export function markFailed(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', type);
}

async function within<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
  try {
    return await scopes.run(scope, work);
  } catch (error) {
    markFailed(scope.span, typeOf(error));
    throw error;
  } finally {
    scope.span.end();
  }
}

function begin(tracer: Tracer | null, name: string, options: SpanOptions, parent: SpanContext | null): Span {
  if (tracer === null) return trace.wrapSpanContext(parent ?? newSpanContext());
  const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  const { kind = 'INTERNAL', attributes = {} } = options;
  return tracer.startSpan(name, { kind: SpanKind[kind], attributes }, context);
}

function newSpanContext(): SpanContext {
  const traceId = randomUUID().replaceAll('-', '');
  return { traceId, spanId: traceId.slice(16), traceFlags: TraceFlags.NONE };
}

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.name;
}
