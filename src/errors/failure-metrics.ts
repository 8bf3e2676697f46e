import { Counter } from 'prom-client';
import type { MetricsRegistry } from '../telemetry';
import type { ReasonDefinition } from './catalogue/definition';

/** Counts failures: every occurrence, aggregated ones too. */
export class FailureMetrics {
  private readonly failures: Counter<'code' | 'reason' | 'component'>;

  constructor(registry: MetricsRegistry) {
    this.failures = new Counter({
      name: 'clarion_failures_total',
      help: 'Failures by code, reason and component.',
      labelNames: ['code', 'reason', 'component'],
      registers: [registry],
    });
  }

  count({ code, reason, component }: ReasonDefinition): void {
    this.failures.inc({ code, reason, component });
  }
}
