import { Injectable } from '@nestjs/common';
import { BackgroundTask } from '../errors';
import { Database } from '../persistence';
import { figuresOf } from './figures';
import { HealthReport } from './health-report.service';
import { PROCESS } from './process-name';

const INSERT = `
INSERT INTO health_samples (at, process, component, status, latency_ms, figures)
SELECT now(), $1, component, status, latency_ms, figures
FROM jsonb_to_recordset($2::jsonb) AS s (component text, status text, latency_ms int, figures jsonb)`;

/** Keeps how the components of this process are, for trends. */
@Injectable()
export class HealthSampling extends BackgroundTask {
  override readonly name = 'health.sample';
  override readonly schedule = { everyMs: 10_000, scope: 'process' } as const;

  constructor(
    private readonly health: HealthReport,
    private readonly database: Database,
  ) {
    super();
  }

  /** While the database is away, or full, nothing is kept: the trend that would have warned of it is in what was kept before. */
  override async run(): Promise<void> {
    if (!this.database.ready || this.database.full) return;
    const details = Object.entries(this.health.details());
    const samples = details
      .filter(([, { status }]) => status !== 'not_configured')
      .map(([component, detail]) => {
        const { status, latency_ms = null } = detail;
        return { component, status, latency_ms, figures: figuresOf(detail) };
      });
    await this.database.query(INSERT, [PROCESS, JSON.stringify(samples)]);
  }
}
