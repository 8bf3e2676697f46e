import type { Counter } from 'prom-client';
import type { Reason } from '../errors';
import type { HealthFinding, MetricsRegistry } from '../telemetry';

const WINDOW_MS = 60_000;
const MANY = 5;

/** How often some reasons occurred within the last minute, by the counter that every reported failure raises. */
export class RecentFailures {
  private samples: { readonly at: number; readonly total: number }[] = [];

  constructor(
    private readonly metrics: MetricsRegistry,
    private readonly reasons: readonly Reason[],
  ) {}

  /** Degraded where it was often: something works, but not as it should. */
  async judge(details: Record<string, unknown>): Promise<HealthFinding> {
    const count = await this.inLastMinute();
    const known = { ...details, failures_last_minute: count };
    if (count < MANY) return { status: 'healthy', details: known };
    const problem = `${count} failures within a minute (${this.reasons.join(', ')})`;
    const suggestion = 'look them up by their reason at /admin/api/errors';
    return { status: 'degraded', details: known, problem, suggestion };
  }

  private async inLastMinute(): Promise<number> {
    const now = performance.now();
    this.samples.push({ at: now, total: await this.total() });
    // The newest of those that are too old is where the window begins.
    while ((this.samples[1]?.at ?? now) < now - WINDOW_MS) this.samples.shift();
    const [first] = this.samples;
    const last = this.samples.at(-1);
    return first === undefined || last === undefined ? 0 : last.total - first.total;
  }

  private async total(): Promise<number> {
    const counter = this.metrics.getSingleMetric('clarion_failures_total') as Counter | undefined;
    const values = (await counter?.get())?.values ?? [];
    const counted = values.filter(({ labels }) => (this.reasons as unknown[]).includes(labels['reason']));
    return counted.reduce((sum, { value }) => sum + value, 0);
  }
}
