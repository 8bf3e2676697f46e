import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ALL_REASONS } from '../../src/errors/catalogue';
import { uncoveredReasons } from './reasons';

const ROOT = resolve(__dirname, '../..');
const FILES = ['src/**/*.ts', 'packages/*/src/**/*.ts', 'test/**/*.spec.ts'];

/** `node scripts/run-ts.js tools/errors/check.ts`: exits 1 with every reason that nothing raises or no spec names. */
const files = globSync(FILES, { cwd: ROOT }).map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
const problems = uncoveredReasons(ALL_REASONS, files);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
