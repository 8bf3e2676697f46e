import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault, RowName } from './matrix';

const DIRECTORY = join(__dirname, '../../../node_modules/.cache/clarion-faults');

/** What came of a cell; times in milliseconds. */
export interface Result {
  readonly reason: string;
  readonly support_code: string;
  /** From the request to its error; null where no user is concerned. */
  readonly told_ms: number | null;
  /** Rule of the one alert; null where there is none to be. */
  readonly alert: string | null;
  readonly healed_ms: number;
}

/** Forgets the run before. */
export function clearResults(): void {
  rmSync(DIRECTORY, { recursive: true, force: true });
}

export function keepResult(row: RowName, fault: Fault, result: Result): void {
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(fileOf(row, fault), JSON.stringify(result));
}

/** Null where the cell has not passed. */
export function resultOf(row: RowName, fault: Fault): Result | null {
  const file = fileOf(row, fault);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : null;
}

/** What its processes said, for whoever looks into a cell that failed. */
export function keepLog(row: RowName, log: string): void {
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(join(DIRECTORY, `${row}.log`), log);
}

function fileOf(row: RowName, fault: Fault): string {
  return join(DIRECTORY, `${row}.${fault}.json`);
}
