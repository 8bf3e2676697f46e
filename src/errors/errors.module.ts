import { join } from 'node:path';
import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AppConfig } from '../config';
import { LOGGER, MetricsRegistry, type Logger } from '../telemetry';
import { FailureArchive } from './failure-archive';
import { FailureFeed } from './failure-feed';
import { FailureLookup } from './failure-lookup';
import { FailureMetrics } from './failure-metrics';
import { FailureRecordStore } from './failure-record';
import { FailureReporter } from './failure-reporter';
import { FailureSearch } from './failure-search';
import { HealthNow } from './health-now';
import { RecordingFailureReporter } from './recording-failure.reporter';
import { SpanArrival } from './span-arrival.service';
import { FailureSpool } from './spool';
import { SpoolIngestion } from './spool-ingestion.task';

/** Makes reporting and look-up of failures injectable everywhere. `FailureRecordStore` has to be provided by some module. */
@Global()
@Module({
  providers: [
    {
      provide: FailureSpool,
      inject: [AppConfig],
      useFactory: ({ server, errors }: AppConfig) =>
        new FailureSpool(join(server.dataDir, 'spool'), errors.spoolMaxBytes),
    },
    {
      provide: FailureMetrics,
      inject: [MetricsRegistry],
      useFactory: (registry: MetricsRegistry) => new FailureMetrics(registry),
    },
    {
      provide: FailureArchive,
      inject: [FailureSpool, FailureMetrics, LOGGER],
      useFactory: (spool: FailureSpool, metrics: FailureMetrics, logger: Logger) =>
        new FailureArchive(spool, metrics, logger),
    },
    {
      provide: RecordingFailureReporter,
      inject: [FailureArchive, FailureMetrics, LOGGER, AppConfig, FailureFeed, HealthNow],
      useFactory: (
        archive: FailureArchive,
        metrics: FailureMetrics,
        logger: Logger,
        { errors }: AppConfig,
        feed: FailureFeed,
        health: HealthNow,
      ) =>
        new RecordingFailureReporter(
          archive,
          metrics,
          logger,
          { exposeRootCause: errors.exposeRootCause },
          feed,
          health,
        ),
    },
    { provide: FailureReporter, useExisting: RecordingFailureReporter },
    FailureFeed,
    FailureLookup,
    FailureSearch,
    HealthNow,
    SpanArrival,
    SpoolIngestion,
  ],
  exports: [FailureReporter, FailureFeed, FailureLookup, FailureSearch, FailureSpool, HealthNow],
})
export class ErrorsModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly modules: ModuleRef,
    private readonly archive: FailureArchive,
    private readonly reporter: RecordingFailureReporter,
  ) {}

  /** The store is looked up, not injected: it stands on the database, whose parts have the reporter injected. */
  onModuleInit(): void {
    this.archive.attach(this.modules.get(FailureRecordStore, { strict: false }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.reporter.closeAggregates(Infinity);
  }
}
