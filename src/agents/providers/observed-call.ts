import type { Usage } from '@clarion/protocol';
import type { RunMetrics } from '../run-metrics';

/** Measures one request to a model. */
export class ObservedCall {
  private readonly begun = performance.now();
  private answered = false;
  private complete = false;

  constructor(
    private readonly metrics: RunMetrics,
    private readonly model: string,
    private readonly signal: AbortSignal,
  ) {}

  /** A piece of the answer has come. */
  answering(): void {
    if (this.answered) return;
    this.answered = true;
    this.metrics.modelAnswers(this.model, performance.now() - this.begun);
  }

  completed(usage: Usage | null): void {
    this.complete = true;
    if (usage) this.metrics.tokensUsed(this.model, { input: usage.input_tokens, output: usage.output_tokens });
  }

  /** Once, however it ended. */
  end(): void {
    const outcome = this.complete ? 'completed' : this.signal.aborted ? 'abandoned' : 'failed';
    this.metrics.modelCall(this.model, outcome, performance.now() - this.begun);
  }
}
