import { type DynamicModule, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { httpLogging, LOGGER, type Logger } from './logger';
import { MetricsRegistry } from './metrics-registry';

/** Makes the logger and the metrics registry injectable everywhere, and logs HTTP requests. */
@Module({})
export class TelemetryModule {
  static forRoot(logger: Logger): DynamicModule {
    return {
      module: TelemetryModule,
      global: true,
      imports: [LoggerModule.forRoot(httpLogging(logger))],
      providers: [{ provide: LOGGER, useValue: logger }, MetricsRegistry],
      exports: [LOGGER, MetricsRegistry],
    };
  }
}
