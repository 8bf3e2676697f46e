import { createRequire } from 'node:module';
import type { Span, Tracer } from '@opentelemetry/api';
import type { AppConfig } from '../../config';
import type * as Exporting from './export-pipeline';
import { inRootSpan, type SpanOptions } from './scope';

/** Where traces begin. Without an OTLP endpoint a trace has an id, for logs and records, and costs nothing else. */
export class Tracing {
  private readonly tracer: Tracer | null;

  private constructor(private readonly pipeline: Exporting.ExportPipeline | null) {
    this.tracer = pipeline?.tracer ?? null;
  }

  /** The libraries that record and send spans are loaded only where there is somewhere to send them. */
  static start({ telemetry }: AppConfig): Tracing {
    if (telemetry.tracesUrl === undefined) return Tracing.off();
    const { ExportPipeline } = createRequire(__filename)('./export-pipeline') as typeof Exporting;
    return new Tracing(new ExportPipeline({ ...telemetry, tracesUrl: telemetry.tracesUrl }));
  }

  static off(): Tracing {
    return new Tracing(null);
  }

  /** Runs `work` within a span that begins a trace, or goes on with the one that `parent` (a W3C `traceparent`) names. */
  root<T>(
    name: string,
    options: SpanOptions & { parent?: string | null },
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    return inRootSpan(this.tracer, name, options, work);
  }

  /** Spans that ended, arrived, and were refused or not answered for; what is in none of the latter two waits, or was dropped. */
  get counts(): { readonly ended: number; readonly exported: number; readonly failed: number } {
    return this.pipeline?.counts ?? { ended: 0, exported: 0, failed: 0 };
  }

  /** Sends one span at once, and tells `listener` how this and every later batch fares. Nothing where nothing is configured. */
  watch(listener: (outcome: Exporting.ExportOutcome) => void): Promise<void> {
    return this.pipeline?.watch(listener) ?? Promise.resolve();
  }

  /** Sends what waits, for at most `ms`. */
  async stop(ms: number): Promise<void> {
    await this.pipeline?.stop(ms);
  }
}
