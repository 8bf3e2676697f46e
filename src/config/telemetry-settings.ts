import { choice, integer, pairs, ratio, textOr, url } from './setting';

/** Logs and traces. What OpenTelemetry defines has its names, meanings and defaults. */
export const telemetrySettings = {
  logLevel: choice(
    'LOG_LEVEL',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
    'Least severe log line that is written.',
  ),
  logFormat: choice(
    'LOG_FORMAT',
    ['auto', 'json', 'pretty'],
    'auto',
    'auto: pretty on a terminal in development, else JSON.',
  ),
  otlpEndpoint: url(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    ['http', 'https'],
    'Where spans are sent over OTLP/HTTP, without `/v1/traces`, such as http://localhost:4318. Unset: none are recorded.',
  ),
  otlpTracesEndpoint: url(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    ['http', 'https'],
    'The same as a whole address, used as it is; goes before the other.',
  ),
  otlpHeaders: pairs('OTEL_EXPORTER_OTLP_HEADERS', 'Headers sent along, such as authorization=Bearer%20abc.', {
    secret: true,
  }),
  otlpTimeoutMs: integer(
    'OTEL_EXPORTER_OTLP_TIMEOUT',
    100,
    120_000,
    10_000,
    'How long the receiver may take for one batch of spans, in milliseconds, repetitions included.',
  ),
  serviceName: textOr('OTEL_SERVICE_NAME', 'clarion', 'Name of the service in traces.'),
  resourceAttributes: pairs(
    'OTEL_RESOURCE_ATTRIBUTES',
    'What traces say of this process besides, such as deployment.environment.name=staging.',
  ),
  sampleRatio: ratio(
    'OTEL_TRACES_SAMPLER_ARG',
    1,
    'The part of traces that is recorded; whoever joins a trace does as it says.',
  ),
  spanQueueSize: integer(
    'OTEL_BSP_MAX_QUEUE_SIZE',
    1,
    1_000_000,
    2_048,
    'Spans that may wait to be sent; further ones are dropped.',
  ),
  spanDelayMs: integer(
    'OTEL_BSP_SCHEDULE_DELAY',
    10,
    600_000,
    5_000,
    'Longest wait of a span until its batch is sent, in milliseconds.',
  ),
};
