interface Unit {
  readonly one: string;
  readonly many: string;
  readonly lengthMs: number;
}

/** Longest first. */
type Units = readonly [hour: Unit, minute: Unit, second: Unit];

const ENGLISH: Units = [
  { one: 'hour', many: 'hours', lengthMs: 3_600_000 },
  { one: 'minute', many: 'minutes', lengthMs: 60_000 },
  { one: 'second', many: 'seconds', lengthMs: 1_000 },
];

const GERMAN: Units = [
  { one: 'Stunde', many: 'Stunden', lengthMs: 3_600_000 },
  { one: 'Minute', many: 'Minuten', lengthMs: 60_000 },
  { one: 'Sekunde', many: 'Sekunden', lengthMs: 1_000 },
];

/** A time in English, from milliseconds: `2 minutes`, `1.5 seconds`; null for anything else. */
export function lasting(ms: unknown): string | null {
  return inWords(ms, ENGLISH, 'en');
}

/** A time in German: `2 Minuten`, `1,5 Sekunden`. */
export function lastingInGerman(ms: unknown): string | null {
  return inWords(ms, GERMAN, 'de');
}

function inWords(ms: unknown, units: Units, language: string): string | null {
  if (typeof ms !== 'number') return null;
  const { one, many, lengthMs } = units.find((unit) => ms % unit.lengthMs === 0) ?? units[2];
  const count = Math.round((ms / lengthMs) * 10) / 10;
  const number = count.toLocaleString(language, { useGrouping: false });
  return `${number} ${count === 1 ? one : many}`;
}
