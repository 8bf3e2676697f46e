import { type DynamicModule, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { AppConfig } from '../config';
import { httpLogging, LOGGER, type Logger } from './logger';
import { MetricsRegistry } from './metrics-registry';
import { Repairs } from './repairs';
import { SpanMetrics, Tracing } from './tracing';

/** Makes the logger, the metrics registry and tracing injectable everywhere, and logs HTTP requests. */
@Module({})
export class TelemetryModule {
  static forRoot(logger: Logger): DynamicModule {
    return {
      module: TelemetryModule,
      global: true,
      imports: [LoggerModule.forRoot(httpLogging(logger))],
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: Tracing, useFactory: (config: AppConfig) => Tracing.start(config), inject: [AppConfig] },
        MetricsRegistry,
        Repairs,
        SpanMetrics,
      ],
      exports: [LOGGER, MetricsRegistry, Repairs, Tracing],
    };
  }
}
