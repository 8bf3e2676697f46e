import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/clarion-process';
import type { Fault, RowName } from './matrix';
import type { Result } from './play-cell';

const DIRECTORY = join(ROOT, 'node_modules/.cache/clarion-faults');

export function keepResult(row: RowName, fault: Fault, result: Result): void {
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(join(DIRECTORY, `${row}.${fault}.json`), JSON.stringify(result));
}

/** What its processes said, for whoever looks into a cell that failed. */
export function keepLog(row: RowName, log: string): void {
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(join(DIRECTORY, `${row}.log`), log);
}
