import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../config';
import { EnvironmentIndicator, judge } from './environment.indicator';

const WELL = {
  disk_free_mb: 10_000,
  rss_mb: 200,
  memory_limit_mb: 4_000,
  heap_used_mb: 100,
  heap_limit_mb: 2_000,
  event_loop_lag_ms: 3,
};

describe('the health of the environment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'clarion-environment-'));

  afterAll(() => rmSync(directory, { recursive: true }));

  function indicatorFor(dataDir: string): EnvironmentIndicator {
    return new EnvironmentIndicator(loadConfig({ DATA_DIR: dataDir }));
  }

  it('takes a check that was not answered for a failure, unless the event loop was late', async () => {
    const indicator = indicatorFor(directory);
    indicator.onApplicationBootstrap();
    await delay(100);
    expect(indicator.unanswered()).toBeNull();
    for (let block = 0; block < 3; block += 1) {
      const end = performance.now() + 400;
      while (performance.now() < end);
      await delay(1);
    }
    expect(indicator.unanswered()).toMatchObject({
      status: 'degraded',
      problem: expect.stringMatching(/^The event loop is \d+ ms late$/),
    });
    indicator.onApplicationShutdown();
  });

  it('measures disk, memory and the event loop, also before the data directory exists', async () => {
    const indicator = indicatorFor(join(directory, 'not', 'there', 'yet'));
    indicator.onApplicationBootstrap();
    const { details } = await indicator.check();
    indicator.onApplicationShutdown();
    expect(Object.keys(details ?? {}).sort()).toEqual(Object.keys(WELL).sort());
    for (const figure of Object.values(details ?? {})) expect(figure).toBeGreaterThanOrEqual(0);
  });

  it('is bad when the data directory cannot be used', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(await indicatorFor(join(file, 'below')).check()).toMatchObject({
      status: 'failed',
      problem: `${join(file, 'below')} cannot be used (ENOTDIR)`,
      cause: { reason: 'DATA_DIR_UNUSABLE' },
    });
  });

  it.each([
    ['healthy', {}, undefined],
    ['failed', { disk_free_mb: 31 }, 'Only 31 MB are free in /data'],
    ['degraded', { disk_free_mb: 500 }, 'Only 500 MB are free in /data'],
    ['degraded', { rss_mb: 3_700 }, 'Memory is nearly used up (3700 of 4000 MB; heap 100 of 2000 MB)'],
    ['degraded', { heap_used_mb: 1_900 }, 'Memory is nearly used up (200 of 4000 MB; heap 1900 of 2000 MB)'],
    ['degraded', { event_loop_lag_ms: 800 }, 'The event loop is 800 ms late'],
  ])('is %s with %j', (status, change, problem) => {
    const found = judge({ ...WELL, ...change }, '/data');
    expect(found.status).toBe(status);
    expect('problem' in found ? found.problem : undefined).toBe(problem);
  });
});
