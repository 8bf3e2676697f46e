/** What a figure was for a while: the median of some samples. */
export interface Point {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly value: number;
}

/** Where a figure goes. */
export interface Forecast {
  /** What the trend says the figure is now. */
  readonly level: number;
  /** How far it moves in an hour. */
  readonly perHour: number;
  /** When it comes to its limit; milliseconds since the epoch. */
  readonly expectedAt: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const WINDOWS_MS = [8, 20, 60, 360].map((minutes) => minutes * MINUTE_MS);
/** Of a window so much must have been seen. */
const SEEN = 0.7;
const MOST_POINTS = 30;
const LEAST_POINTS = 12;
/** A trend by chance: one in some ten thousand series without any. In standard deviations of Kendall's score. */
const CERTAIN = 3.5;
/** A trend that has slowed down by more than this is none that goes on. */
const LASTING = 0.5;
/** What moved by less than this, of what is left to the limit, is no reason to believe that it arrives there. */
const COVERED = 0.15;
/** So far, of the way from where it was to the limit, it has to be beyond where it has been before. */
const NEW = 0.1;

/**
 * When a figure that rises (or falls) comes to `limit`, if it goes on as it does; null where no trend leads there. A trend is the median of all
 * slopes (Theil and Sen), certain by Kendall's test: neither needs a shape of the noise, and no single spike moves either. It goes on in the later
 * half of what was seen, and leads to where the figure has not been before: what comes and goes in cycles does not. Nobody looks further ahead than back.
 */
export function forecast(points: readonly Point[], limit: number, direction: 'rises' | 'falls'): Forecast | null {
  const sign = direction === 'rises' ? 1 : -1;
  const rising = points.map(({ at, value }) => ({ at, value: value * sign }));
  const last = rising.at(-1)?.at ?? 0;
  for (const windowMs of WINDOWS_MS) {
    const begin = rising.findIndex(({ at }) => at > last - windowMs);
    const trend = trendIn(thinned(rising.slice(begin), windowMs), windowMs, last);
    if (trend === null) continue;
    const left = limit * sign - trend.level;
    // Where it has been before it may turn back again.
    if (trend.level < knownOf(rising.slice(0, begin), limit * sign)) continue;
    const msLeft = Math.max(0, left / trend.slope);
    if (msLeft > windowMs || trend.moved < COVERED * left) continue;
    return { level: trend.level * sign, perHour: trend.slope * sign * HOUR_MS, expectedAt: last + msLeft };
  }
  return null;
}

/** A certain rise, in units a millisecond; `level` is what it says of `now`. */
function trendIn(
  points: readonly Point[],
  windowMs: number,
  now: number,
): { level: number; slope: number; moved: number } | null {
  const first = points[0]?.at ?? 0;
  const last = points.at(-1)?.at ?? 0;
  if (points.length < LEAST_POINTS || last - first < SEEN * windowMs || certaintyOf(points) < CERTAIN) return null;
  const slope = slopeOf(points);
  const later = slopeOf(points.slice(Math.floor(points.length / 2)));
  if (later < LASTING * slope) return null;
  const level = median(points.map(({ at, value }) => value + slope * (now - at)));
  return { level, slope: Math.min(slope, later), moved: slope * (last - first) };
}

/** Medians of as many neighbours as it takes. */
function thinned(points: readonly Point[], windowMs: number): Point[] {
  const eachMs = windowMs / MOST_POINTS;
  const groups = Map.groupBy(points, ({ at }) => Math.floor(at / eachMs));
  return [...groups.values()].map((group) => ({
    at: median(group.map(({ at }) => at)),
    value: median(group.map(({ value }) => value)),
  }));
}

/** Up to where a figure has been again and again, and somewhat further; single points do not count. */
function knownOf(points: readonly Point[], limit: number): number {
  if (points.length < LEAST_POINTS) return -Infinity;
  const sorted = points.map(({ value }) => value).sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? -Infinity;
  return at(0.97) + NEW * (limit - at(0.5));
}

/** Kendall's score of a rise, in its standard deviations were there none. */
function certaintyOf(points: readonly Point[]): number {
  const n = points.length;
  let score = 0;
  forPairs(points, (a, b) => (score += Math.sign(b.value - a.value)));
  return score / Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
}

function slopeOf(points: readonly Point[]): number {
  const slopes: number[] = [];
  forPairs(points, (a, b) => slopes.push((b.value - a.value) / (b.at - a.at)));
  return median(slopes);
}

function forPairs(points: readonly Point[], visit: (a: Point, b: Point) => void): void {
  points.forEach((a, at) => {
    for (const b of points.slice(at + 1)) visit(a, b);
  });
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}
