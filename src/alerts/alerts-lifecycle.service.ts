import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppConfig } from '../config';
import { FailureReporter, PeriodicLoop } from '../errors';
import { AlertEngine } from './alert-engine.service';
import { AlertMetrics } from './alert-metrics';

const EVERY_MS = 1_000;

/** Looks every second whether somebody has to be told of something. Every process does; of several, one at a time. */
@Injectable()
export class AlertsLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: PeriodicLoop;
  private starting: NodeJS.Timeout | undefined;

  constructor(
    engine: AlertEngine,
    metrics: AlertMetrics,
    reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {
    const work = async (): Promise<void> => {
      await engine.evaluate();
      metrics.firing(engine.current);
    };
    this.loop = new PeriodicLoop({ name: 'alerts.evaluate', everyMs: EVERY_MS, work, reporter });
  }

  onApplicationBootstrap(): void {
    // What has not come up yet is no trouble before this.
    this.starting = setTimeout(() => this.loop.start(), 2 * this.config.alerts.waitMs);
  }

  /** What a process sees that goes down is no trouble: it looks no longer. */
  async stop(): Promise<void> {
    clearTimeout(this.starting);
    await this.loop.stop();
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}
