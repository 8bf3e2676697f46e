import { Logger } from '@nestjs/common';
import { MetricsRegistry } from './metrics-registry';
import { Repairs } from './repairs';

describe('repairs', () => {
  afterEach(() => jest.restoreAllMocks());

  it('are all counted, shown by component, and told without flooding the log', async () => {
    const registry = new MetricsRegistry();
    const repairs = new Repairs(registry);
    const [warned, logged] = [jest.spyOn(Logger.prototype, 'warn'), jest.spyOn(Logger.prototype, 'log')].map((spy) =>
      spy.mockImplementation(() => undefined),
    );
    for (let attempt = 0; attempt < 9; attempt += 1) repairs.attempted('database', 'reconnect', false);
    repairs.attempted('database', 'reconnect', true);
    repairs.attempted('redis', 'reconnect', true);
    expect(repairs.of('database')).toEqual([
      { action: 'reconnect', attempts: 10, succeeded: 1, last_at: expect.any(String), last_succeeded: true },
    ]);
    expect(repairs.of('auth')).toEqual([]);
    expect(warned?.mock.calls.map(([fields]) => (fields as { failed_attempts: number }).failed_attempts)).toEqual([
      1, 2, 4, 8,
    ]);
    expect(logged?.mock.calls[0]).toEqual([
      { component: 'database', action: 'reconnect', failed_attempts: 9 },
      'Mended',
    ]);
    const text = await registry.metrics();
    expect(text).toContain('clarion_repairs_total{component="database",action="reconnect",outcome="failed"} 9');
    expect(text).toContain('clarion_repairs_total{component="database",action="reconnect",outcome="succeeded"} 1');
  });
});
