import type { Config } from 'jest';
import globalTeardown from '../../support/global-teardown';
import { emptyCells, measuredPage } from './table';
import { isWhole } from './whole-run';

/** Prints what came of the matrix. A whole run that leaves a cell empty has failed. */
export default async function tearDown(config: Config): Promise<void> {
  await globalTeardown();
  if (!isWhole(config)) return;
  process.stderr.write(`\n${measuredPage()}\n`);
  const empty = emptyCells();
  if (empty.length === 0) return;
  process.stderr.write(`EMPTY: ${empty.join(', ')}\n`);
  process.exitCode = 1;
}
