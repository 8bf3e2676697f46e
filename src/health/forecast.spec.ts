import { forecast, type Point } from './forecast';
import { recorded } from './recorded.fixture';
import { FAILING, generated, seeded, type Series, WELL } from './series.fixture';
import { byThreshold, byTrend, failureOf, score } from './warnings-score.fixture';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95];
/** None of those that the forecast was made with. */
/** Nobody has looked at them while the forecast was made. */
const SEEDS = [101, 102, 103];

function series(minutes: number, value: (minute: number) => number): Point[] {
  return Array.from({ length: minutes }, (_, minute) => ({ at: minute * MINUTE_MS, value: value(minute) }));
}

function noise(size: number, seed = 7): () => number {
  const random = seeded(seed);
  return () => size * (random() - 0.5);
}

describe('the forecast', () => {
  it('says when a figure that rises, or falls, comes to its limit', () => {
    const some = noise(20);
    const rising = forecast(
      series(60, (minute) => 200 + 5 * minute + some()),
      600,
      'rises',
    );
    expect(rising?.perHour).toBeGreaterThan(280);
    expect(rising?.perHour).toBeLessThan(320);
    expect(Math.abs((rising?.expectedAt ?? 0) - 80 * MINUTE_MS)).toBeLessThan(5 * MINUTE_MS);
    const falling = forecast(
      series(60, (minute) => 10_000 - 100 * minute + some()),
      0,
      'falls',
    );
    expect(Math.abs((falling?.expectedAt ?? 0) - 100 * MINUTE_MS)).toBeLessThan(5 * MINUTE_MS);
  });

  it('looks no further ahead than back', () => {
    expect(
      forecast(
        series(60, (minute) => minute),
        1_000,
        'rises',
      ),
    ).toBeNull();
    expect(
      forecast(
        series(360, (minute) => minute),
        700,
        'rises',
      )?.expectedAt,
    ).toBeCloseTo(700 * MINUTE_MS);
  });

  it.each([
    ['noise', () => 500 + noise(400)()],
    ['a single spike', (minute: number) => (minute === 55 ? 5_000 : 100)],
    ['a rise that is over', (minute: number) => Math.min(500, 20 * minute)],
    ['what comes and goes', (minute: number) => 300 + 20 * (minute % 25)],
    ['the other direction', (minute: number) => 700 - 10 * minute],
  ])('expects nothing of %s', (_what, value) => {
    expect(forecast(series(360, value), 800, 'rises')).toBeNull();
  });

  it('expects nothing of a few points, or none', () => {
    expect(forecast([], 10, 'rises')).toBeNull();
    expect(
      forecast(
        series(5, (minute) => minute),
        10,
        'rises',
      ),
    ).toBeNull();
  });

  it('expects now what is beyond its limit already and goes on', () => {
    const found = forecast(
      series(30, (minute) => 790 + minute),
      800,
      'rises',
    );
    expect(found?.expectedAt).toBe(29 * MINUTE_MS);
    expect(found?.perHour).toBeCloseTo(HOUR_MS / MINUTE_MS);
  });
});

const table = (list: readonly Series[], every: number) => ({
  series: list.length,
  failing: list.filter((one) => failureOf(one) !== null).length,
  trend: score(list, byTrend, every),
  thresholds: THRESHOLDS.map((part) => ({ part, ...score(list, byThreshold(part), every) })),
});

/** The figures that docs/HEALTH.md shows. */
describe('warnings by trend, and by a fixed threshold,', () => {
  it('in series recorded of running processes', () => {
    const found = table(recorded(), 2);
    expect(found).toMatchObject({ series: 132, failing: 15, trend: { false: 0, missed: 8, inTime: 7 } });
    for (const fixed of found.thresholds) expect(fixed.false + fixed.missed).toBeGreaterThanOrEqual(10);
  });

  it('in series made with seeds', () => {
    const found = table([...generated(WELL, SEEDS), ...generated(FAILING, SEEDS)], 5);
    expect(found).toMatchObject({ series: 39, failing: 19, trend: { false: 1, missed: 4, noticeMinutes: 78 } });
    // No threshold has fewer wrong ones; where one has as few, it warns later.
    for (const fixed of found.thresholds) {
      expect(fixed.false + fixed.missed).toBeGreaterThanOrEqual(5);
      if (fixed.false + fixed.missed === 5) expect(fixed.noticeMinutes).toBeLessThanOrEqual(45);
    }
  });
});
