import type { ComponentDetail, ComponentName, ComponentStatus } from '@clarion/protocol';
import { Logger } from '@nestjs/common';
import { PeriodicLoop } from '../errors';
import type { HealthFinding, HealthIndicator } from '../telemetry';
import { type Measurement, measure, stale } from './measurement';
import type { MonitorOptions } from './monitor-options';

interface Reading extends Measurement {
  readonly latencyMs: number;
  /** Milliseconds since the epoch, as all times here. */
  readonly checkedAt: number;
  /** When the status became what it is. */
  readonly since: number;
}

/** So many refresh periods may pass without a check before its last result counts for nothing. */
const STALE_PERIODS = 3;
/** A component that has not come up yet is no failure before this. */
const STARTING_MS = 10_000;
const RETRY_WHILE_STARTING_MS = 100;
const FLAPS_MS = 3_600_000;
const MOST_FLAPS = 1_000;

/** Checks one component in the background and keeps the last result with its age. */
export class ComponentMonitor {
  private readonly loop: PeriodicLoop;
  private readonly logger = new Logger('health');
  private pending: Promise<HealthFinding> | null = null;
  private reading: Reading | null = null;
  private changes: number[] = [];
  private startedAt = 0;
  /** Not failed, that is: what is degraded does its work. */
  private lastWellAt: number | null = null;
  private wasWell = false;
  private reported: ComponentStatus | null = null;
  private hurry: NodeJS.Timeout | undefined;

  constructor(
    private readonly indicator: HealthIndicator,
    private readonly options: Pick<MonitorOptions, 'refreshMs' | 'timeoutMs' | 'reporter' | 'reporting'>,
  ) {
    this.loop = new PeriodicLoop({
      name: 'health.refresh',
      everyMs: options.refreshMs,
      work: () => this.refresh(),
      reporter: options.reporter,
    });
  }

  get component(): ComponentName {
    return this.indicator.component;
  }

  /** True once the component has been well, or degraded, since the start. */
  get cameUp(): boolean {
    return this.lastWellAt !== null;
  }

  start(): void {
    this.startedAt = Date.now();
    this.loop.start();
    void this.loop.trigger();
  }

  async stop(): Promise<void> {
    clearTimeout(this.hurry);
    await this.loop.stop();
  }

  /** That of `detail`. */
  get status(): ComponentStatus {
    const { reading } = this;
    return reading === null || Date.now() > this.staleAfter(reading) ? 'failed' : reading.status;
  }

  /** The last result, or that it is too old. Touches nothing. */
  detail(): ComponentDetail {
    const now = Date.now();
    const { reading } = this;
    if (reading === null) return { status: 'failed', suggestion: 'Not checked yet: Clarion is starting' };
    const since = this.staleAfter(reading);
    if (now <= since) return this.describe(reading);
    return this.describe({ ...reading, ...stale(this.component, now - reading.checkedAt), since });
  }

  private staleAfter({ checkedAt }: Reading): number {
    return checkedAt + STALE_PERIODS * this.options.refreshMs + this.options.timeoutMs;
  }

  /** Checks now; resolves when the result is kept and, where it has to be, reported. */
  async refresh(): Promise<void> {
    const began = performance.now();
    const measurement = await measure(this.indicator, this.options.timeoutMs, (signal) => this.check(signal));
    const checkedAt = Date.now();
    const same = this.reading?.status === measurement.status;
    const since = same && this.reading !== null ? this.reading.since : checkedAt;
    if (!same && this.reading !== null) this.changes = [...this.recentChanges(checkedAt), checkedAt];
    this.reading = { ...measurement, latencyMs: Math.round(performance.now() - began), checkedAt, since };
    if (measurement.status !== 'failed') this.lastWellAt = checkedAt;
    if (measurement.problem === null) this.wasWell = true;
    else if (!this.cameUp && this.isStarting(checkedAt)) this.retrySoon();
    await this.reportTransition(this.reading);
  }

  /** When the status changed within the last hour; of a component that never rests, the last thousand times. */
  private recentChanges(now: number): number[] {
    return this.changes.filter((at) => at > now - FLAPS_MS).slice(-MOST_FLAPS);
  }

  /** A check that hangs is not asked a second time beside itself. */
  private check(signal: AbortSignal): Promise<HealthFinding> {
    this.pending ??= this.ask(signal).finally(() => (this.pending = null));
    return this.pending;
  }

  private async ask(signal: AbortSignal): Promise<HealthFinding> {
    return this.indicator.check(signal);
  }

  private isStarting(now: number): boolean {
    return now - this.startedAt < STARTING_MS;
  }

  /** So that the start is over when it is over, not up to a period later. */
  private retrySoon(): void {
    clearTimeout(this.hurry);
    this.hurry = setTimeout(() => void this.loop.trigger(), RETRY_WHILE_STARTING_MS);
  }

  private async reportTransition({ status, problem, checkedAt }: Reading): Promise<void> {
    if (problem === null) {
      if (this.reported !== null) this.logger.log(`${this.component} was ${this.reported} and is well again`);
      this.reported = null;
      return;
    }
    const comingUp = !this.wasWell && this.isStarting(checkedAt);
    if (status === this.reported || comingUp || !this.options.reporting()) return;
    this.reported = status;
    await this.options.reporter.report(problem.error, { operation: 'health.refresh' });
  }

  private describe({ status, details, problem, latencyMs, checkedAt, since }: Reading): ComponentDetail {
    const measured: ComponentDetail = {
      status,
      details,
      latency_ms: latencyMs,
      checked_at: new Date(checkedAt).toISOString(),
      since: new Date(since).toISOString(),
      age_ms: Math.max(0, Date.now() - checkedAt),
      flaps: this.recentChanges(Date.now()).length,
    };
    if (problem === null) return measured;
    const { text, suggestion, error } = problem;
    const { code, reason } = error.definition;
    return {
      ...measured,
      error: text,
      error_code: code,
      reason,
      suggestion: `${text}: ${suggestion}${status === 'failed' ? this.lastSuccess() : ''}`,
    };
  }

  private lastSuccess(): string {
    if (this.lastWellAt === null) return '; no success since the start';
    return `; last success ${Math.round((Date.now() - this.lastWellAt) / 1000)} s ago`;
  }
}
