import type { AppConfig } from '../config';
import { createLogger } from './logger';
import { MetricsRegistry } from './metrics-registry';
import { plainObject, plainText } from './plain';
import { currentTraceId, currentTraceparent, inSpan, Tracing, untraced } from './tracing';

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

describe('a log line within a trace', () => {
  const inRun = (work: () => Promise<void>, parent?: string): Promise<void> =>
    Tracing.off().root('process agent-runs', { parent, fields: { run_id: 'r1' } }, () =>
      inSpan('invoke_agent echo', { fields: { user_id: 'ann' } }, work),
    );

  async function linesOf(work: (logger: ReturnType<typeof createLogger>) => Promise<void>): Promise<unknown[]> {
    const lines: string[] = [];
    const config = { telemetry: { logLevel: 'info', logFormat: 'json' }, server: { production: true } };
    await work(createLogger(config as AppConfig, { write: (line) => void lines.push(line) }));
    return lines.map((line) => JSON.parse(line) as unknown);
  }

  it('names trace, run and user, unless it names others itself', async () => {
    const trace_id = 'a'.repeat(32);
    const lines = await linesOf((logger) =>
      inRun(
        async () => {
          await Promise.resolve();
          logger.info('Works');
          logger.info({ user_id: 'bob', support_code: 'X_1' }, 'Tells');
        },
        `00-${trace_id}-${'b'.repeat(16)}-01`,
      ),
    );
    expect(lines).toMatchObject([
      { trace_id, run_id: 'r1', user_id: 'ann', msg: 'Works' },
      { trace_id, run_id: 'r1', user_id: 'bob', support_code: 'X_1', msg: 'Tells' },
    ]);
  });

  it('names none where many share the work, and outside', async () => {
    const lines = await linesOf((logger) =>
      inRun(async () => untraced(() => logger.info('Shared'))).then(() => logger.info('Outside')),
    );
    for (const line of lines) expect(Object.keys(line as object).sort()).toEqual(['level', 'msg', 'pid', 'time']);
  });

  it.each([undefined, '', 'garbage', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `00-${'a'.repeat(32)}-x-01`])(
    'begins a trace of its own where it is told of none (%s)',
    async (parent) => {
      const seen: unknown[] = [];
      for (let run = 0; run < 2; run += 1) await inRun(async () => void seen.push(currentTraceId()), parent);
      for (const id of seen) expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(new Set(seen).size).toBe(2);
      await inRun(async () => expect(currentTraceparent()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/), parent);
    },
  );
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
