import { MAX_PAGE_SIZE } from '@clarion/protocol';
import { Controller, Get, Header, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { ComponentError } from '../../errors';
import { QueueDirectory } from '../queue-directory';
import {
  type QueuedMessages,
  type RecoveryStatistics,
  RecoveryStatisticsStore,
  type UserStatistics,
} from '../recovery-statistics.store';
import { AdminGuard } from '../session';
import { parseQuery } from './query';
import { type ErrorStatistics, type RunStatistics, StatisticsStore, type WorkerStatistics } from '../statistics.store';

const PAGE_SIZE = 50;

const Page = z.strictObject({
  after: z.string().max(128).default(''),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(PAGE_SIZE),
});

interface Statistics {
  readonly timestamp: string;
  readonly errors: ErrorStatistics;
  readonly messages: QueuedMessages;
  readonly recovery: RecoveryStatistics;
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
    private readonly recovery: RecoveryStatisticsStore,
    private readonly queues: QueueDirectory,
  ) {}

  /** `GET /admin/api/statistics`. @throws ComponentError DATABASE_*, QUEUE_UNAVAILABLE */
  @Get()
  @Header('Cache-Control', 'no-store')
  async show(): Promise<Statistics> {
    // The store first: with the database down its answer comes at once, and says so.
    const [errors, runs, workers, { messages, recovery }] = await Promise.all([
      this.store.errors(),
      this.store.runs(),
      this.store.workers(),
      this.recovery.counts(),
    ]);
    const queues = await this.jobs();
    return { timestamp: new Date().toISOString(), errors, messages, recovery, runs, queues, workers };
  }

  /**
   * `GET /admin/api/statistics/users?after&limit` → `{users, next}`, by id: those with failures in the last hour, or who were looked for in the
   * last 24 hours; `next` is the `after` of the following page, null at the end.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get('users')
  @Header('Cache-Control', 'no-store')
  async users(@Query() query: unknown): Promise<{ users: UserStatistics[]; next: string | null }> {
    const { after, limit } = parseQuery(Page, query);
    const users = await this.recovery.users(after, limit);
    const last = users.length === limit ? users.at(-1) : undefined;
    return { users, next: last?.user_id ?? null };
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
