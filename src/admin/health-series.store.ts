import type { ComponentName, ComponentStatus } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

export interface HealthSeriesFilter {
  readonly component: ComponentName;
  /** `latency_ms`, the time of the check, or the path of a figure of the component, such as `pool.active`. */
  readonly figure: string;
  readonly since: Date;
  readonly until: Date;
  /** At most so many points; the time between them follows from that. */
  readonly limit: number;
}

/** How a component was, as plots take it: the index of every list is that of `times`. */
export interface HealthSeries {
  readonly component: ComponentName;
  readonly figure: string;
  readonly bucket_ms: number;
  /** ISO 8601: where each bucket begins; none is left out. */
  readonly times: readonly string[];
  /** One for each process, at most MAX_PROCESSES: those that were seen last. */
  readonly series: readonly {
    readonly process: string;
    /** The worst of each bucket; null where there is no sample. */
    readonly statuses: readonly (ComponentStatus | null)[];
    /** The mean of each bucket; null where there is none. */
    readonly values: readonly (number | null)[];
  }[];
}

/** How often `health.sample` takes one. */
const SAMPLED_MS = 10_000;
const MAX_PROCESSES = 20;
const FROM_GOOD_TO_BAD = ['not_configured', 'healthy', 'degraded', 'failed'] satisfies readonly ComponentStatus[];

const SERIES = `
WITH binned AS (
  SELECT process, floor(extract(epoch FROM at - $2::timestamptz) * 1000 / $4)::int AS slot,
    max(array_position($6::text[], status)) AS rank,
    round(avg(CASE WHEN $5 = 'latency_ms' THEN latency_ms ELSE (figures ->> $5)::numeric END), 3)::float8 AS value
  FROM health_samples WHERE component = $1 AND at >= $2 AND at < $3 GROUP BY 1, 2
), shown AS (
  SELECT process FROM binned GROUP BY process ORDER BY max(slot) DESC, process LIMIT ${MAX_PROCESSES}
)
SELECT process, slot, ($6::text[])[rank] AS status, value FROM binned JOIN shown USING (process) ORDER BY process, slot`;

interface Bin {
  readonly process: string;
  readonly slot: number;
  readonly status: ComponentStatus;
  readonly value: number | null;
}

/** How components were, from what `health.sample` has kept. */
@Injectable()
export class HealthSeriesStore {
  constructor(private readonly database: Database) {}

  async read({ component, figure, since, until, limit }: HealthSeriesFilter): Promise<HealthSeries> {
    const span = until.getTime() - since.getTime();
    const bucket = Math.max(SAMPLED_MS, Math.ceil(span / limit));
    const values = [component, since, until, bucket, figure, FROM_GOOD_TO_BAD];
    const bins = await this.database.query<Bin>(SERIES, values);
    const slots = Array.from({ length: Math.ceil(span / bucket) }, (_, slot) => slot);
    const series = [...Map.groupBy(bins, ({ process }) => process)].map(([process, own]) => {
      const bySlot = new Map(own.map((bin) => [bin.slot, bin]));
      return {
        process,
        statuses: slots.map((slot) => bySlot.get(slot)?.status ?? null),
        values: slots.map((slot) => bySlot.get(slot)?.value ?? null),
      };
    });
    const times = slots.map((slot) => new Date(since.getTime() + slot * bucket).toISOString());
    return { component, figure, bucket_ms: bucket, times, series };
  }
}
