import type { AppConfig } from '../config';
import { createLogger } from './logger';
import { MetricsRegistry } from './metrics-registry';
import { plainObject, plainText } from './plain';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let output = '';
  const config = { telemetry: { logLevel: 'info', logFormat: 'json' }, server: { production: true } };
  write(createLogger(config as AppConfig, { write: (line) => (output += line) }));
  return output;
}

describe('the logger', () => {
  it('writes one JSON object a line, with the level by name and the time in ISO 8601', () => {
    const line = JSON.parse(logged((logger) => logger.warn({ run_id: 'r' }, 'Slow'))) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'warn', run_id: 'r', msg: 'Slow' });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("censors what carries a caller's rights", () => {
    const output = logged((logger) =>
      logger.info({ token: 'S1', req: { headers: { authorization: 'S2', cookie: 'S3' } }, auth: { token: 'S4' } }, 'x'),
    );
    expect(output).not.toMatch(/S[1-4]/);
  });
});

describe('plain copies', () => {
  it('mask secrets by name and by form', () => {
    const copy = plainObject({ Authorization: 'a1', access_token: 'a2', nested: { password: 'a3', tokens: 5 } });
    expect(copy).toEqual({
      Authorization: '[redacted]',
      access_token: '[redacted]',
      nested: { password: '[redacted]', tokens: 5 },
    });
    expect(plainText('GET /?token=a1&x=1 postgres://u:a2@h/d eyJh.eyJz.c2ln')).toBe(
      'GET /?token=[redacted]&x=1 postgres://u:[redacted]@h/d [jwt]',
    );
  });

  it('keep what JSON can say and name what it cannot', () => {
    const at = new Date('2026-01-01T00:00:00Z');
    expect(plainObject({ a: null, b: undefined, c: 1n, d: NaN, e: at, f: new Error('x'), g: Buffer.alloc(3) })).toEqual(
      {
        a: null,
        c: '1',
        d: 'NaN',
        e: '2026-01-01T00:00:00.000Z',
        f: 'Error: x',
        g: '[3 bytes]',
      },
    );
  });

  it('are bounded in depth, number and length, and never split a surrogate pair', () => {
    const cycle: Record<string, unknown> = { list: Array(1_000).fill('x'.repeat(1_000)) };
    cycle['self'] = cycle;
    expect(JSON.stringify(plainObject(cycle)).length).toBeLessThan(40_000);
    expect(plainText('😀😀', 2).isWellFormed()).toBe(true);
  });
});

describe('the metrics registry', () => {
  it('has the metrics of the process, and its own for each instance', async () => {
    const [first, second] = [new MetricsRegistry(), new MetricsRegistry()];
    expect(await first.metrics()).toContain('process_cpu_seconds_total');
    expect(second).not.toBe(first);
  });
});
