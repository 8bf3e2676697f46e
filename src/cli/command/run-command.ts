import { ConfigurationError } from '../../config';
import { ComponentError } from '../../errors';
import { CommandError } from './command-error';

/** Runs a command to its exit code. Expected failures become a sentence; a defect keeps its stack. */
export function runCommand(work: () => Promise<number>): void {
  work().then(
    (code) => (process.exitCode = code),
    (error: unknown) => {
      process.exitCode = refuse(error);
    },
  );
}

function refuse(error: unknown): number {
  const expected =
    error instanceof CommandError || error instanceof ConfigurationError || error instanceof ComponentError;
  if (!expected) throw error;
  const details = error instanceof ComponentError ? ` ${JSON.stringify(error.details)}` : '';
  process.stderr.write(`${error.message}${details}\n`);
  return error instanceof CommandError ? error.exitCode : 1;
}
