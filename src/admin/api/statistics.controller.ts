import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import { ComponentError } from '../../errors';
import { QueueDirectory } from '../queue-directory';
import { AdminGuard } from '../session';
import { type ErrorStatistics, type RunStatistics, StatisticsStore, type WorkerStatistics } from '../statistics.store';

interface Statistics {
  readonly timestamp: string;
  readonly errors: ErrorStatistics;
  readonly runs: RunStatistics;
  /** Jobs by state, by queue; empty while the queues are not open. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly workers: readonly WorkerStatistics[];
}

/** What goes on, in numbers. */
@Controller('admin/api/statistics')
@UseGuards(AdminGuard)
export class StatisticsController {
  constructor(
    private readonly store: StatisticsStore,
    private readonly queues: QueueDirectory,
  ) {}

  /** `GET /admin/api/statistics`. @throws ComponentError DATABASE_*, QUEUE_UNAVAILABLE */
  @Get()
  @Header('Cache-Control', 'no-store')
  async show(): Promise<Statistics> {
    // The store first: with the database down its answer comes at once, and says so.
    const [errors, runs, workers] = await Promise.all([this.store.errors(), this.store.runs(), this.store.workers()]);
    return { timestamp: new Date().toISOString(), errors, runs, queues: await this.jobs(), workers };
  }

  private async jobs(): Promise<Statistics['queues']> {
    try {
      const counts = this.queues.all().map(async (queue) => [queue.name, await queue.getJobCounts()] as const);
      return Object.fromEntries(await Promise.all(counts));
    } catch (cause) {
      throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause });
    }
  }
}
