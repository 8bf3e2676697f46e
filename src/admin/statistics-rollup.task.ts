import { Injectable } from '@nestjs/common';
import { BackgroundTask } from '../errors';
import { Database } from '../persistence';

/** Records that were spooled come late: the last hours are counted again each time. */
const ROLL_UP = `
INSERT INTO failure_statistics (hour, reason, component, count)
SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, reason, component, sum(count)
FROM error_records WHERE occurred_at >= date_trunc('hour', now(), 'UTC') - interval '6 hours'
GROUP BY 1, 2, 3
ON CONFLICT (hour, reason, component) DO UPDATE SET count = excluded.count WHERE failure_statistics.count <> excluded.count`;

/** Adds the failures up by hour, so that plots need no records. */
@Injectable()
export class StatisticsRollUp extends BackgroundTask {
  override readonly name = 'statistics.roll-up';
  override readonly schedule = { everyMs: 300_000 };

  constructor(private readonly database: Database) {
    super();
  }

  override async run(): Promise<void> {
    await this.database.query(ROLL_UP);
  }
}
