import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Logger, LOGGER, Tracing } from '../telemetry';
import { ComponentError } from './component-error';
import { FailureReporter } from './failure-reporter';

const FLUSH_MS = 2_000;

/** Whether spans arrive where they are sent: looked at with one span at the start, then with every batch; told when it changes. */
@Injectable()
export class SpanArrival implements OnApplicationBootstrap, OnApplicationShutdown {
  private arriving: boolean | null = null;

  constructor(
    private readonly tracing: Tracing,
    private readonly reporter: FailureReporter,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    void this.tracing.watch((outcome) => {
      if (outcome.arrived === this.arriving) return;
      this.arriving = outcome.arrived;
      const { url } = outcome;
      if (outcome.arrived) return this.logger.info({ url }, 'Spans arrive');
      const error = ComponentError.integration('TRACES_NOT_ARRIVING', { cause: outcome.error, details: { url } });
      void this.reporter.report(error, { operation: 'telemetry.export' });
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tracing.stop(FLUSH_MS);
  }
}
