import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import { Database } from '../persistence';
import { HealthForecast } from './health-forecast.task';
import { PROCESS } from './process-name';

const SAMPLES = `
INSERT INTO health_samples (component, process, at, status, latency_ms, figures)
SELECT 'environment', $1, now() - n * interval '10 seconds', 'healthy', 1, jsonb_build_object('disk_free_mb', 1000 + n * $2, 'rss_mb', 200, 'memory_limit_mb', 8000)
FROM generate_series(0, 400) AS n`;

describe('the forecast of health', () => {
  let test: TestDatabase;
  let database: Database;
  let health: HealthForecast;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    test = await createTestDatabase();
    const config = loadConfig({ DATA_DIR: '/nonexistent' });
    database = new Database(config.persistence);
    database.connect(test.url);
    database.markOpened();
  });

  beforeEach(async () => {
    await database.query('DELETE FROM health_samples');
    health = new HealthForecast(database, loadConfig({ DATA_DIR: '/nonexistent' }));
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  /** Of another minute, without a new sample for each of its seconds. */
  async function look(): Promise<void> {
    await database.query(`UPDATE health_samples SET at = at + interval '10 seconds'`);
    await health.run();
  }

  it('warns of what is seen twice: with the figure, its limit, the time and the next step', async () => {
    await database.query(SAMPLES, [PROCESS, 5]);
    await health.run();
    expect(health.warnings('environment')).toEqual([]);
    await look();
    const [warning, ...more] = health.warnings('environment');
    expect(more).toEqual([]);
    expect(warning).toMatchObject({
      figure: 'disk_free_mb',
      limit: 32,
      suggestion: 'make room on that disk',
      message: expect.stringMatching(
        /^Free space in DATA_DIR falls by 1800 MB an hour, from 10\d\d MB: 32 MB expected in 3\d min$/,
      ),
    });
    expect(Date.parse(warning?.expected_at ?? '') - Date.now()).toBeGreaterThan(25 * 60_000);
    expect(health.warnings('database')).toEqual([]);
  });

  it('warns of nothing that stays, and of no other process', async () => {
    await database.query(SAMPLES, [PROCESS, 0]);
    await database.query(SAMPLES, ['elsewhere:1', 5]);
    await health.run();
    await look();
    expect(health.warnings('environment')).toEqual([]);
  });
});
