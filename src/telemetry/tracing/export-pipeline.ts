import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';

/** How a batch of spans fared. */
export type ExportOutcome =
  | { readonly arrived: true; readonly url: string }
  | { readonly arrived: false; readonly url: string; readonly error: unknown };

export interface ExportSettings {
  readonly tracesUrl: string;
  readonly otlpHeaders: Record<string, string>;
  readonly otlpTimeoutMs: number;
  readonly serviceName: string;
  readonly resourceAttributes: Record<string, string>;
  readonly sampleRatio: number;
  readonly spanQueueSize: number;
  readonly spanDelayMs: number;
}

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** What OpenTelemetry calls `ExportResultCode.SUCCESS`. */
const SUCCESS = 0;
/** Of one request; the queue holds more. */
const BATCH = 512;
/** The exporter gives up first, and says why. */
const GRACE_MS = 1_000;

/** Batches spans and sends them over OTLP/HTTP, beside the work: what does not fit into the queue is dropped, and nothing waits for it. */
export class ExportPipeline {
  readonly tracer: Tracer;
  private readonly provider: BasicTracerProvider;
  private listener: (outcome: ExportOutcome) => void = () => undefined;
  private ended = 0;
  private exported = 0;
  private failed = 0;

  constructor(private readonly settings: ExportSettings) {
    const { serviceName, resourceAttributes, sampleRatio, spanQueueSize, spanDelayMs, otlpTimeoutMs } = settings;
    const attributes = { ...resourceAttributes, 'service.name': serviceName, 'process.pid': process.pid };
    this.provider = new BasicTracerProvider({
      resource: defaultResource().merge(resourceFromAttributes(attributes)),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
      spanProcessors: [
        this.counting(),
        new BatchSpanProcessor(this.watched(this.createExporter()), {
          maxQueueSize: spanQueueSize,
          maxExportBatchSize: Math.min(BATCH, spanQueueSize),
          scheduledDelayMillis: spanDelayMs,
          exportTimeoutMillis: otlpTimeoutMs + GRACE_MS,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('clarion');
  }

  get counts() {
    return { ended: this.ended, exported: this.exported, failed: this.failed };
  }

  /** Resolves when the fate of the first span is known. */
  async watch(listener: (outcome: ExportOutcome) => void): Promise<void> {
    this.listener = listener;
    this.tracer.startSpan('process start', { root: true }).end();
    // A batch that failed has been told of.
    await Promise.allSettled([this.provider.forceFlush()]);
  }

  /** Spans that a receiver does not take within `ms` are lost. */
  async stop(ms: number): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(() => limit.resolve(), ms);
    await Promise.race([Promise.allSettled([this.provider.shutdown()]), limit.promise]);
    clearTimeout(timer);
  }

  private createExporter(): SpanExporter {
    const { tracesUrl: url, otlpHeaders: headers, otlpTimeoutMs: timeoutMillis } = this.settings;
    return new OTLPTraceExporter({ url, headers, timeoutMillis, concurrencyLimit: 2 });
  }

  private counting() {
    return {
      onStart: () => undefined,
      onEnd: (span: ReadableSpan) => void (this.ended += span.spanContext().traceFlags & 1),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    };
  }

  private watched(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          this.note(result, spans.length);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    };
  }

  private note({ code, error }: ExportResult, spans: number): void {
    const { tracesUrl: url } = this.settings;
    const arrived = Number(code) === SUCCESS;
    if (arrived) this.exported += spans;
    else this.failed += spans;
    this.listener(arrived ? { arrived, url } : { arrived, url, error });
  }
}
