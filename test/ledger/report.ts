import type { FaultRow, LedgerResult } from './ledger';
import type { Tally } from './witness';

const MOST_PROBLEMS = 12;
const MOST_STORIES = 3;

/** The report of one run, for people. */
export function reportOf(title: string, result: LedgerResult): string {
  const { faults, tally, problems, histories, differences } = result;
  const failing = histories.filter(({ problems }) => problems.length > 0);
  const parts = [title, faultTable(faults), counts(tally)];
  if (problems.length > 0) parts.push(['Differences that concern no single user:', ...problems].join('\n  '));
  for (const { user, problems: own } of failing)
    parts.push([`${user} (${own.length}):`, ...own.slice(0, MOST_PROBLEMS)].join('\n  '));
  for (const { user, story } of failing.slice(0, MOST_STORIES)) parts.push(`The history of ${user}:\n${story}`);
  parts.push(differences === 0 ? 'No difference.' : `${differences} differences. ${title}`);
  return `${parts.join('\n\n')}\n`;
}

function faultTable(faults: readonly FaultRow[]): string {
  const rows = faults.map(({ at, name, lasted, accepts, completes }) =>
    [seconds(at), name.padEnd(26), seconds(lasted), seconds(accepts), seconds(completes)].join('  '),
  );
  const head = [
    'at'.padStart(8),
    'fault'.padEnd(26),
    'mended'.padStart(8),
    'accepts'.padStart(8),
    'completes'.padStart(8),
  ];
  const legend = 'mended: after its beginning; accepts, completes: a message and its run again, after the mending';
  return [head.join('  '), ...rows, legend].join('\n');
}

function seconds(ms: number | null): string {
  return (ms === null ? 'never' : `${(ms / 1000).toFixed(2)} s`).padStart(8);
}

function counts({ counts }: Tally): string {
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([what, number]) => `${String(number).padStart(8)}  ${what}`)
    .join('\n');
}
