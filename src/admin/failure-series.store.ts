import { Injectable } from '@nestjs/common';
import { Database } from '../persistence';

export interface SeriesFilter {
  readonly bucket: 'hour' | 'day';
  readonly by: 'reason' | 'component';
  readonly since: Date;
  readonly until: Date;
}

/** Counts over time, as plots take them: `counts[i]` belongs to `times[i]`. */
export interface FailureSeries {
  /** ISO 8601: where each hour or day (UTC) begins; none is left out. */
  readonly times: readonly string[];
  /** The most frequent ones, most frequent first; what is beyond them is in `other`. */
  readonly series: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

const MAX_SERIES = 20;
const REST = 'other';

const SERIES = (by: SeriesFilter['by']): string => `
WITH counted AS (
  SELECT date_trunc($1, hour, 'UTC') AS at, ${by} AS name, sum(count) AS count FROM failure_statistics
  WHERE hour >= date_trunc($1, $2::timestamptz, 'UTC') AND hour < $3 GROUP BY 1, 2
), ranked AS (
  SELECT name, row_number() OVER (ORDER BY sum(count) DESC, name) AS rank FROM counted GROUP BY name
)
SELECT CASE WHEN rank <= ${MAX_SERIES} THEN name ELSE '${REST}' END AS name, at, sum(count)::int AS count
FROM counted JOIN ranked USING (name) GROUP BY 1, 2 ORDER BY min(rank), at`;

/** Failures over time, from what `statistics.roll-up` has added up: also of records that are retained no longer. */
@Injectable()
export class FailureSeriesStore {
  constructor(private readonly database: Database) {}

  async read({ bucket, by, since, until }: SeriesFilter): Promise<FailureSeries> {
    const rows = await this.database.query<{ name: string; at: Date; count: number }>(SERIES(by), [
      bucket,
      since,
      until,
    ]);
    const times = timesOf(bucket, since, until);
    const names = [...new Set(rows.map(({ name }) => name))];
    const counts = new Map(rows.map(({ name, at, count }) => [`${at.toISOString()} ${name}`, count]));
    return {
      times,
      series: names.map((name) => ({ name, counts: times.map((at) => counts.get(`${at} ${name}`) ?? 0) })),
    };
  }
}

/** Where the hours or days begin that are, or have a part, from `since` on and before `until`. */
function timesOf(bucket: SeriesFilter['bucket'], since: Date, until: Date): string[] {
  const step = BUCKET_MS[bucket];
  const first = Math.floor(since.getTime() / step) * step;
  const length = Math.max(0, Math.ceil((until.getTime() - first) / step));
  return Array.from({ length }, (_, index) => new Date(first + index * step).toISOString());
}

export const BUCKET_MS = { hour: 3_600_000, day: 86_400_000 } as const;
