import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { DrainState } from './drain-state';
import { EnvironmentIndicator } from './environment.indicator';
import { HealthMetrics } from './health-metrics';
import { HealthReport } from './health-report.service';
import { HealthForecast } from './health-forecast.task';
import { HealthSampling } from './health-sampling.task';
import { HealthController } from './health.controller';
import { IndicatorRegistry } from './indicator-registry';
import { LoopLateness } from './loop-lateness';
import { MetricsController } from './metrics.controller';
import { MonitorOptions } from './monitor-options';
import { noStore } from './no-store';
import { Probes } from './probes.service';
import { Visibility } from './visibility';

/** Gathers the indicators of all rooms, and answers how Clarion is: to probes, to admins, and inside. */
@Module({
  // Terminus' own log of a failing probe would repeat what was reported when the component failed.
  imports: [DiscoveryModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController, MetricsController],
  providers: [
    IndicatorRegistry,
    HealthReport,
    HealthMetrics,
    DrainState,
    EnvironmentIndicator,
    HealthForecast,
    LoopLateness,
    MonitorOptions,
    HealthSampling,
    Probes,
    Visibility,
  ],
  exports: [HealthReport, DrainState],
})
export class HealthModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(noStore).forRoutes(HealthController, MetricsController);
  }
}
