export { httpSpans } from './http-spans';
export {
  childSpan,
  currentTraceId,
  currentTraceparent,
  inSpan,
  logFields,
  markFailed,
  noteFailure,
  traceHeaders,
  untraced,
} from './scope';
export { SpanMetrics } from './span-metrics';
export { parseTraceparent } from './traceparent';
export { Tracing } from './tracing';
