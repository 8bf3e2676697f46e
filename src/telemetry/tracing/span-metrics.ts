import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { MetricsRegistry } from '../metrics-registry';
import { Tracing } from './tracing';

/** What becomes of spans. */
@Injectable()
export class SpanMetrics {
  constructor(registry: MetricsRegistry, tracing: Tracing) {
    new Counter({
      name: 'clarion_spans_total',
      help: 'Sampled spans by outcome: ended, exported, failed; what has ended and is neither waits, or was dropped from a full queue.',
      labelNames: ['outcome'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [outcome, count] of Object.entries(tracing.counts)) this.inc({ outcome }, count);
      },
    });
  }
}
