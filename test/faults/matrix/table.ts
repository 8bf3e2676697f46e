import { type Cell, FAULTS, type Fault, isChosen, MATRIX, type Row, type RowName } from './matrix';
import { resultOf } from './results';

export const ROWS = Object.keys(MATRIX) as RowName[];

const INTRODUCTION = `# Faults

What becomes of every fault of everything that Clarion stands on. \`npm run test:faults\` brings each of them about, with real servers behind a proxy that
breaks the way to them and with real processes, and looks at all that has to follow: the concerned user has a coded error with the right component and a
support code within two seconds; the failure has its log line at its severity, its record and its count; the health report names the component, and nothing
that is well; one alert is told, and resolved; nothing accepted is lost; all is well within ten seconds of the fault's end, without a restart; and who looks
the support code up finds the component that was broken. Intervals and limits are shorter there than their defaults (\`test/faults/matrix/world.ts\`).

This page is generated: \`npm run faults:doc\` after a run. \`npm run check\` fails where it tells of other cells than are run.

## What is told
`;

/** The page without the figures of a run. */
export function declaredPage(): string {
  const header = ['', ...FAULTS];
  const rows = ROWS.map((row) => [row, ...FAULTS.map((fault) => inWords(cellOf(row, fault)))]);
  const notes = every((row, fault, cell) => ('told' in cell ? [] : [`- **${row} × ${fault}**: ${reasonOf(cell)}`]));
  return [INTRODUCTION, table([header, ...rows]), '', ...notes, ''].join('\n');
}

/** The figures of the last run. */
export function measuredPage(): string {
  const rows = every((row, fault) => {
    const result = resultOf(row, fault);
    if (result === null) return [];
    const { reason, told_ms, alert, healed_ms } = result;
    return [[row, fault, reason, told_ms === null ? '' : `${told_ms} ms`, alert ?? '', `${healed_ms} ms`]];
  });
  const header = ['', 'fault', 'reason', 'told after', 'alert', 'well again after'];
  return ['## The last run', '', table([header, ...rows]), ''].join('\n');
}

/** Cells that are to be run and have no result. */
export function emptyCells(): string[] {
  return every((row, fault, cell) =>
    isRun(cell) && isChosen(fault) && resultOf(row, fault) === null ? [`${row} × ${fault}`] : [],
  );
}

function isRun(cell: Cell): boolean {
  return 'told' in cell || 'noted' in cell || 'survived' in cell;
}

function every<T>(work: (row: RowName, fault: Fault, cell: Cell) => T[]): T[] {
  return ROWS.flatMap((row) => FAULTS.flatMap((fault) => work(row, fault, cellOf(row, fault))));
}

function cellOf(row: RowName, fault: Fault): Cell {
  const { cells }: Row = MATRIX[row];
  return cells[fault];
}

function inWords(cell: Cell): string {
  if ('told' in cell) return cell.told.map((reason) => `\`${reason}\``).join(' ');
  if ('noted' in cell) return cell.noted.map((reason) => `(\`${reason}\`)`).join(' ');
  if ('survived' in cell) return 'nothing fails';
  return '–';
}

function reasonOf(cell: Cell): string {
  if ('noted' in cell) return `no user is told: ${cell.because}`;
  if ('survived' in cell) return cell.survived;
  return 'senseless' in cell ? cell.senseless : '';
}

function table([header = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
