import type { Usage } from '@clarion/protocol';
import { childSpan, markFailed, traceHeaders } from '../../telemetry';
import type { RunMetrics } from '../run-metrics';

/** Measures and traces one request to a model. */
export class ObservedCall {
  private readonly begun = performance.now();
  private answered = false;
  private readonly span;
  private complete = false;

  constructor(
    private readonly metrics: RunMetrics,
    private readonly model: string,
    private readonly signal: AbortSignal,
  ) {
    const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model };
    this.span = childSpan(`chat ${model}`, { kind: 'CLIENT', attributes });
  }

  /** By which the provider joins the trace. */
  get headers(): Record<string, string> {
    return traceHeaders(this.span);
  }

  /** A piece of the answer has come. */
  answering(): void {
    if (this.answered) return;
    this.answered = true;
    this.span.addEvent('first chunk');
    this.metrics.modelAnswers(this.model, performance.now() - this.begun);
  }

  completed(usage: Usage | null): void {
    this.complete = true;
    if (usage === null) return;
    const { input_tokens: input, output_tokens: output } = usage;
    this.metrics.tokensUsed(this.model, { input, output });
    this.span.setAttributes({ 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output });
  }

  /** Once, however it ended. */
  end(): void {
    const outcome = this.complete ? 'completed' : this.signal.aborted ? 'abandoned' : 'failed';
    this.metrics.modelCall(this.model, outcome, performance.now() - this.begun);
    if (outcome !== 'completed') markFailed(this.span, outcome);
    this.span.end();
  }
}
