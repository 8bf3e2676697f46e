import type { Point } from './forecast';

const MINUTE_MS = 60_000;

/** How a figure went, minute by minute. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  readonly limit: number;
  readonly direction: 'rises' | 'falls';
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Shape = (minute: number) => number;
/** Draws the parameters of one series: a function of the minute, in parts of the limit. */
type Family = (between: (low: number, high: number) => number, minutes: number) => Shape;

const sawtooth = (minute: number, period: number): number => (minute % period) / period;
const clamp = (value: number): number => Math.max(0, value);

/** What never comes to its limit. */
export const WELL: Readonly<Record<string, Family>> = {
  steady: (between) => {
    const level = between(0.1, 0.6);
    return () => level;
  },
  'high, and stays there': (between) => {
    const level = between(0.72, 0.88);
    return () => level;
  },
  'with the hours of the day': (between) => {
    const [base, high, period, phase] = [between(0.1, 0.3), between(0.3, 0.55), between(500, 1_400), between(0, 6)];
    return (minute) => base + high * (0.5 + 0.5 * Math.sin((2 * Math.PI * minute) / period + phase));
  },
  'collected in cycles': (between) => {
    const [base, high, period] = [between(0.3, 0.5), between(0.15, 0.35), between(4, 35)];
    return (minute) => base + high * sawtooth(minute, period);
  },
  'a step up': (between, minutes) => {
    const [before, after, at] = [between(0.1, 0.3), between(0.55, 0.8), between(0.2, 0.8) * minutes];
    return (minute) => (minute < at ? before : after);
  },
  'warming up': (between) => {
    const [cold, warm, pace] = [between(0.1, 0.2), between(0.5, 0.75), between(15, 120)];
    return (minute) => cold + (warm - cold) * (1 - Math.exp(-minute / pace));
  },
  'bursts of load': (between) => {
    const [level, high, period, length] = [between(0.1, 0.3), between(0.4, 0.62), between(90, 200), between(10, 40)];
    return (minute) => (minute % period < length ? level + high : level);
  },
};

/** What comes to its limit. */
export const FAILING: Readonly<Record<string, Family>> = {
  'a slow leak': (between, minutes) => {
    const [level, end] = [between(0.2, 0.5), between(0.6, 0.98) * minutes];
    return (minute) => level + ((1 - level) * minute) / end;
  },
  'faster and faster': (between, minutes) => {
    const [level, end, power] = [between(0.05, 0.3), between(0.5, 0.98) * minutes, between(2, 3.5)];
    return (minute) => level + (1 - level) * (minute / end) ** power;
  },
  'a leak below cycles': (between, minutes) => {
    const [level, end, high, period] = [
      between(0.2, 0.35),
      between(0.7, 0.98) * minutes,
      between(0.05, 0.15),
      between(4, 30),
    ];
    return (minute) => level + (1 - level) * (minute / end) + high * sawtooth(minute, period);
  },
  'a leak below the hours of the day': (between, minutes) => {
    const [level, end, high, period] = [
      between(0.1, 0.3),
      between(0.7, 0.98) * minutes,
      between(0.05, 0.12),
      between(300, 700),
    ];
    return (minute) => level + (1 - level) * (minute / end) + high * Math.sin((2 * Math.PI * minute) / period);
  },
  'from one moment on': (between, minutes) => {
    const [level, at, takes] = [between(0.1, 0.4), between(0.2, 0.7) * minutes, between(50, 180)];
    return (minute) => level + clamp(((1 - level) * (minute - at)) / takes);
  },
  'all at once': (between, minutes) => {
    const [level, at] = [between(0.1, 0.4), between(0.3, 0.9) * minutes];
    return (minute) => (minute < at ? level : level + 0.45 * (minute - at));
  },
};

/** Correlated noise of a few per cent, and now and then a minute that is far off. */
function noisy(shape: Shape, random: () => number, between: (low: number, high: number) => number): Shape {
  const [size, spikes] = [between(0.005, 0.05), between(0, 0.03)];
  let drift = 0;
  return (minute) => {
    drift = 0.6 * drift + size * (random() + random() + random() - 1.5);
    const spike = random() < spikes ? between(0.1, 0.6) : 0;
    return clamp(shape(minute) + drift + spike);
  };
}

/** A series of each family for each seed. Half of them are of a figure that falls. */
export function generated(
  families: Readonly<Record<string, Family>>,
  seeds: readonly number[],
  minutes = 600,
): Series[] {
  return Object.entries(families).flatMap(([family, draw], place) =>
    seeds.map((seed): Series => {
      const random = seeded(seed * 1_000 + place);
      const between = (low: number, high: number): number => low + (high - low) * random();
      const shape = noisy(draw(between, minutes), random, between);
      const direction = random() < 0.5 ? 'rises' : 'falls';
      const [limit, range] = direction === 'rises' ? [800, 800] : [32, -10_000];
      const points = Array.from({ length: minutes }, (_, minute) => {
        const share = shape(minute);
        return { at: minute * MINUTE_MS, value: direction === 'rises' ? share * range : limit + (share - 1) * range };
      });
      return { name: `${family} (seed ${seed})`, points, limit, direction };
    }),
  );
}
