import { onFreshGround } from './ground';
import type { Ground, Line } from './harness';
import { accepts } from './measures/accepts';
import { deltas } from './measures/deltas';
import { firstEvent } from './measures/first-event';
import { memory } from './measures/memory';
import { storm } from './measures/storm';
import { streaming } from './measures/streaming';

const MEASURES: Record<string, (ground: Ground) => Promise<Line[]>> = {
  accepts,
  storm,
  deltas,
  firstEvent,
  memory,
  streaming,
};

/** `npm run bench [-- <measure> …]`: measures against the budgets of docs/BENCH.md; exits 1 when one is missed. */
async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const names = wanted.length > 0 ? wanted : Object.keys(MEASURES);
  const lines: Line[] = [];
  for (const name of names) {
    const measure = MEASURES[name];
    if (!measure) throw new Error(`no measure ${name}; there are ${Object.keys(MEASURES).join(', ')}`);
    process.stderr.write(`${name} …\n`);
    lines.push(...(await onFreshGround(measure)));
  }
  print(lines);
  process.exitCode = lines.every(({ held }) => held) ? 0 : 1;
}

function print(lines: readonly Line[]): void {
  const rows = lines.map(({ what, found, budget, held }) => [what, found, budget, held ? 'held' : 'MISSED']);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    process.stdout.write(`${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('   ')}\n`);
  }
}

void main();
