import { COMPONENT_NAMES, MAX_PAGE_SIZE } from '@clarion/protocol';
import { Controller, Get, Header, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { ComponentError } from '../../errors';
import { BUCKET_MS, type FailureSeries, FailureSeriesStore } from '../failure-series.store';
import { type HealthSeries, HealthSeriesStore } from '../health-series.store';
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

const USUAL_POINTS = { hour: 48, day: 90 } as const;
const MAX_POINTS = 1_000;
const Points = z.object({ since: z.number().min(0, 'later than until').max(MAX_POINTS, 'too long before until') });
/** An hour has as many points as samples. */
const USUAL_HISTORY_MS = 3_600_000;
const USUAL_HISTORY_POINTS = 360;
const MAX_HISTORY_MS = 31 * 86_400_000;
const History = z.object({ since: z.number().min(0, 'later than until').max(MAX_HISTORY_MS, 'too long before until') });

const Page = z.strictObject({
  after: z.string().max(128).default(''),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(PAGE_SIZE),
});

const SeriesQuery = z.strictObject({
  by: z.enum(['reason', 'component']).default('component'),
  bucket: z.enum(['hour', 'day']).default('hour'),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
});

const HealthQuery = z.strictObject({
  component: z.enum(COMPONENT_NAMES),
  figure: z.string().min(1).max(100).default('latency_ms'),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_POINTS).default(USUAL_HISTORY_POINTS),
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
    private readonly series: FailureSeriesStore,
    private readonly healthSeries: HealthSeriesStore,
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

  /**
   * `GET /admin/api/statistics/errors?by&bucket&since&until` → `{times, series: [{name, counts}]}`, for plots: failures by hour or day (UTC),
   * by component or reason, up to five minutes old; without `since` the last 48 hours or 90 days.
   * @throws ComponentError HTTP_REQUEST_INVALID for more than MAX_POINTS hours or days too, DATABASE_*
   */
  @Get('errors')
  @Header('Cache-Control', 'no-store')
  async errors(@Query() query: unknown): Promise<FailureSeries> {
    const { by, bucket, ...range } = parseQuery(SeriesQuery, query);
    const until = range.until === undefined ? new Date() : new Date(range.until);
    const usual = until.getTime() - USUAL_POINTS[bucket] * BUCKET_MS[bucket];
    const since = new Date(range.since ?? usual);
    parseQuery(Points, { since: (until.getTime() - since.getTime()) / BUCKET_MS[bucket] });
    return this.series.read({ by, bucket, since, until });
  }

  /**
   * `GET /admin/api/statistics/health?component&figure&since&until&limit` → `{component, figure, bucket_ms, times, series: [{process, statuses,
   * values}]}`, for plots: the worst status and the mean of a figure, by process, in at most `limit` buckets; without `since` the last hour.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get('health')
  @Header('Cache-Control', 'no-store')
  async health(@Query() query: unknown): Promise<HealthSeries> {
    const { since, until, ...wanted } = parseQuery(HealthQuery, query);
    const end = until === undefined ? new Date() : new Date(until);
    const begin = new Date(since ?? end.getTime() - USUAL_HISTORY_MS);
    parseQuery(History, { since: end.getTime() - begin.getTime() });
    return this.healthSeries.read({ ...wanted, since: begin, until: end });
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
