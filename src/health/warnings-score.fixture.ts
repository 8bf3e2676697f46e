import { forecast, median } from './forecast';
import type { Series } from './series.fixture';

const MINUTE_MS = 60_000;
/** A warning that comes later than this before the failure is of no use. */
const LEAST_NOTICE_MS = 5 * MINUTE_MS;
/** One that is followed by no failure for so long is false; one that comes earlier before it too. */
const MOST_NOTICE_MS = 360 * MINUTE_MS;
/** Beyond the limit for so long, or until nothing more was heard, is a failure. */
const FAILED_MS = 2 * MINUTE_MS;

/** As many as `SampleHistory` keeps. */
const MOST_POINTS = 840;

/** What an alarm says at a place. */
export type Alarm = (series: Series, upTo: number) => boolean;

export interface Score {
  readonly false: number;
  readonly missed: number;
  readonly inTime: number;
  /** Median notice of those in time. */
  readonly noticeMinutes: number;
}

const beyond = ({ limit, direction }: Series, value: number): boolean =>
  direction === 'rises' ? value >= limit : value <= limit;

/** The place at which a series has come to its limit for good; null where it never does. */
export function failureOf(series: Series): number | null {
  const { points } = series;
  const at = points.findIndex((point, start) => {
    const next = points.slice(start).filter(({ at: then }) => then < point.at + FAILED_MS);
    return next.every(({ value }) => beyond(series, value));
  });
  return at === -1 ? null : at;
}

/** The trend of what was seen so far, where it has held for `lasting` looks. */
export const byTrend: Alarm = (series, upTo) =>
  forecast(series.points.slice(Math.max(0, upTo - MOST_POINTS), upTo + 1), series.limit, series.direction) !== null;

/** A part of the way from nothing to the limit; for a figure that falls, of what was there at first. */
export function byThreshold(part: number): Alarm {
  return ({ points, limit, direction }, upTo) => {
    const value = points[upTo]?.value ?? 0;
    if (direction === 'rises') return value >= part * limit;
    const full = points[0]?.value ?? 0;
    return value <= limit + (1 - part) * (full - limit);
  };
}

/** How often an alarm was right. It begins when it has held for two looks; one look is at every so many points. */
export function score(all: readonly Series[], alarm: Alarm, every = 2): Score {
  const found = all.map((series) => scoreOf(series, alarm, every));
  const notices = found.flatMap(({ notice }) => (notice === null ? [] : [notice / MINUTE_MS]));
  return {
    false: found.reduce((sum, one) => sum + one.wrong, 0),
    missed: found.filter(({ failure, notice }) => failure !== null && notice === null).length,
    inTime: notices.length,
    noticeMinutes: Math.round(median(notices)),
  };
}

function scoreOf(series: Series, alarm: Alarm, every: number) {
  const failure = failureOf(series);
  const failedAt = failure === null ? null : (series.points[failure]?.at ?? null);
  const notices: number[] = [];
  let [held, wrong] = [0, 0];
  for (let place = 0; place < (failure ?? series.points.length); place += every) {
    const rings = alarm(series, place);
    held = rings ? held + 1 : 0;
    if (held !== 2) continue;
    const began = series.points[place]?.at ?? 0;
    const notice = failedAt === null ? Infinity : failedAt - began;
    if (notice > MOST_NOTICE_MS) wrong += 1;
    else if (notice >= LEAST_NOTICE_MS) notices.push(notice);
  }
  return { failure, notice: notices.length === 0 ? null : Math.max(...notices), wrong };
}
