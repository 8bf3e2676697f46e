import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { BackgroundTask } from '../errors';
import { Database } from '../persistence';

const BATCH = 5_000;
const SAMPLE_DAYS = 7;
const STATISTICS_DAYS = 400;
const ALERT_DAYS = 90;
const AUDIT_DAYS = 400;

/** Keeps what admins look at within its age: records for ERROR_RETENTION_DAYS, health samples for a week, alerts for 90 days, hourly counts and the audit log for a year. */
@Injectable()
export class AdminRetention extends BackgroundTask {
  override readonly name = 'admin.retention';
  override readonly schedule = { everyMs: 3_600_000, timeoutMs: 600_000 };

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {
    super();
  }

  override async run(signal: AbortSignal): Promise<void> {
    await this.prune('error_records', 'last_at', this.config.errors.retentionDays, signal);
    await this.prune('health_samples', 'at', SAMPLE_DAYS, signal);
    await this.prune('alert_deliveries', 'ended_at', ALERT_DAYS, signal);
    await this.prune('alerts', 'resolved_at', ALERT_DAYS, signal);
    await this.prune('silences', 'ends_at', ALERT_DAYS, signal);
    await this.prune('failure_statistics', 'hour', STATISTICS_DAYS, signal);
    await this.prune('audit_log', 'at', AUDIT_DAYS, signal);
  }

  private async prune(table: string, column: string, days: number, signal: AbortSignal): Promise<void> {
    const rows = `SELECT ctid FROM ${table} WHERE ${column} < now() - $1 * interval '1 day' LIMIT ${BATCH}`;
    let removed = BATCH;
    while (removed === BATCH && !signal.aborted) {
      const gone = await this.database.query(`DELETE FROM ${table} WHERE ctid = ANY(ARRAY(${rows})) RETURNING 1`, [
        days,
      ]);
      removed = gone.length;
    }
  }
}
