import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { RunMetrics } from './run-metrics';

const EVERY_MS = 5_000;
const COUNT = 'SELECT status, count(*)::int AS count FROM runs WHERE finished_at IS NULL GROUP BY status';

/** Counts the runs that have not ended, so that no scrape asks the database. */
@Injectable()
export class RunStateSampling implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: PeriodicLoop;

  constructor(
    private readonly database: Database,
    private readonly metrics: RunMetrics,
    reporter: FailureReporter,
  ) {
    this.loop = new PeriodicLoop({ name: 'run.sample', everyMs: EVERY_MS, work: () => this.sample(), reporter });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
    this.database.onReady(() => void this.loop.trigger());
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  private async sample(): Promise<void> {
    // An old number would look like a new one.
    this.metrics.active(null);
    if (!this.database.ready) return;
    const rows = await this.database.query<{ status: string; count: number }>(COUNT);
    this.metrics.active(new Map(rows.map(({ status, count }) => [status, count])));
  }
}
