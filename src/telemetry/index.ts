export { CallHistory, describeUnreliable, type Unreliable } from './call-history';
export { HealthIndicator, type HealthFinding } from './health-indicator';
export { createLogger, httpLogging, LOGGER, type Logger } from './logger';
export { MetricsRegistry } from './metrics-registry';
export { plainObject, plainText } from './plain';
export { Repairs } from './repairs';
export { TelemetryModule } from './telemetry.module';
export {
  childSpan,
  currentTraceId,
  currentTraceparent,
  httpSpans,
  inSpan,
  markFailed,
  noteFailure,
  parseTraceparent,
  traceHeaders,
  Tracing,
  untraced,
} from './tracing';
