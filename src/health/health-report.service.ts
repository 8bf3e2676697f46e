import { COMPONENT_NAMES, type ComponentDetail, type ComponentName, type ComponentReport } from '@clarion/protocol';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { HealthSummary } from '../agents';
import { AppConfig } from '../config';
import { HealthNow, type HealthWords } from '../errors';
import { Repairs } from '../telemetry';
import { ComponentMonitor } from './component-monitor';
import { HealthForecast } from './health-forecast.task';
import { IndicatorRegistry } from './indicator-registry';
import { MonitorOptions } from './monitor-options';
import { componentReport, type StatusWords, statusWords, wordsOnly } from './report';

/** What has to have come up once before the start is over: migrations, queues, agents. */
export const STARTUP_COMPONENTS: readonly ComponentName[] = ['database', 'queues', 'supervisor'];

/** The health of every component, refreshed in the background; everything here answers from memory. */
@Injectable()
export class HealthReport implements HealthSummary, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly monitors = new Map<ComponentName, ComponentMonitor>();

  constructor(
    private readonly registry: IndicatorRegistry,
    private readonly config: AppConfig,
    private readonly options: MonitorOptions,
    private readonly now: HealthNow,
    private readonly forecast: HealthForecast,
    private readonly repairs: Repairs,
  ) {}

  onApplicationBootstrap(): void {
    for (const indicator of this.registry.all()) {
      const monitor = new ComponentMonitor(indicator, this.options);
      this.monitors.set(indicator.component, monitor);
      monitor.start();
    }
    this.now.attach(() => this.words());
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.monitors.values()].map((monitor) => monitor.stop()));
  }

  /**
   * The report of PROTOCOL.md section 7.
   * @param admin whether the caller's token has the scope `admin`; `HEALTH_DETAILS` says what that lets them see
   */
  report(admin: boolean): ComponentReport {
    const report = componentReport(this.details());
    return this.shows(admin) ? report : wordsOnly(report);
  }

  /** The words of that report alone: they are asked for at every connecting. */
  status(): StatusWords {
    return statusWords((name) => this.monitors.get(name)?.status ?? 'not_configured');
  }

  /** One component of that report. */
  component(name: ComponentName, admin: boolean): ComponentDetail {
    const detail = this.detail(name);
    return this.shows(admin) ? detail : { status: detail.status };
  }

  async summary(): Promise<HealthWords> {
    return this.words();
  }

  private words(): HealthWords {
    const { status, failed_components: failed, degraded_components: degraded } = this.status();
    return { status, failed, degraded };
  }

  /** True from the moment on when everything that a start has to bring up has been up. */
  get started(): boolean {
    return STARTUP_COMPONENTS.every((name) => this.monitors.get(name)?.cameUp ?? true);
  }

  private shows(admin: boolean): boolean {
    const { details } = this.config.health;
    return details === 'always' || (details === 'admin' && admin);
  }

  /** What is known of every component. For the inside: callers get a `report`. */
  details(): Record<ComponentName, ComponentDetail> {
    const entries = COMPONENT_NAMES.map((name) => [name, this.detail(name)]);
    return Object.fromEntries(entries) as Record<ComponentName, ComponentDetail>;
  }

  private detail(component: ComponentName): ComponentDetail {
    const detail = this.monitors.get(component)?.detail() ?? { status: 'not_configured' };
    const warnings = this.forecast.warnings(component);
    const repairs = this.repairs.of(component);
    return {
      ...detail,
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(repairs.length > 0 ? { repairs } : {}),
    };
  }
}
