import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { declaredPage, emptyCells, measuredPage } from './table';

const PAGE = join(__dirname, '../../../docs/FAULTS.md');

/** Writes docs/FAULTS.md from the matrix and its last run; with `--check` only compares what the page says of the matrix. */
async function main(): Promise<void> {
  const options = { ...(await resolveConfig(PAGE)), filepath: PAGE };
  if (process.argv.includes('--check')) {
    if (readFileSync(PAGE, 'utf8').startsWith(await format(declaredPage(), options))) return;
    process.stderr.write('docs/FAULTS.md tells of other cells than the matrix has: npm run faults:doc\n');
    process.exitCode = 1;
    return;
  }
  const empty = emptyCells();
  if (empty.length > 0) process.stderr.write(`Not run yet, and without figures: ${empty.join(', ')}\n`);
  writeFileSync(PAGE, await format(`${declaredPage()}\n${measuredPage()}`, options));
}

void main();
