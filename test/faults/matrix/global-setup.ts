import type { Config } from 'jest';
import globalSetup from '../../support/global-setup';
import { clearResults } from './results';
import { isWhole } from './whole-run';

/** The matrix begins anew with every whole run. */
export default async function setUp(config: Config): Promise<void> {
  if (isWhole(config)) clearResults();
  await globalSetup();
}
