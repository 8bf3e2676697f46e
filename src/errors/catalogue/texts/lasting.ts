const UNITS = [
  { name: 'hour', lengthMs: 3_600_000 },
  { name: 'minute', lengthMs: 60_000 },
];
const SECOND = { name: 'second', lengthMs: 1_000 };

/** A time in English, from milliseconds: `2 minutes`, `1.5 seconds`; null for anything else. */
export function lasting(ms: unknown): string | null {
  if (typeof ms !== 'number') return null;
  const { name, lengthMs } = UNITS.find((unit) => ms % unit.lengthMs === 0) ?? SECOND;
  const count = Math.round((ms / lengthMs) * 10) / 10;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
