import { checkCatalogue } from '../errors';

/** `node dist/cli/check-errors.js`: exits 1 with every reason, page and text that does not fit together. */
async function main(): Promise<void> {
  const problems = await checkCatalogue();
  problems.forEach((problem) => console.error(problem));
  if (problems.length > 0) process.exitCode = 1;
}

void main();
