import { parseArgs } from 'node:util';
import type { FailureStory, RunRecord } from '../../admin';
import { ask } from '../command/ask';
import { CommandError } from '../command/command-error';
import { developmentToken } from '../command/development-token';
import { serverUrl } from '../command/server-url';
import { failureLines } from './failure-lines';
import { runLines } from './run-lines';

const USAGE = 'Usage: npm run lookup -- <support code | run id> [--url http://127.0.0.1:3000] [--token <token>]';
const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The command `npm run lookup`. Gives its exit code: 0 where it was found. @throws CommandError, ConfigurationError */
export async function runLookup(args: string[], print: (line: string) => void): Promise<number> {
  const { wanted, ...given } = readOptions(args);
  const url = serverUrl(given.url);
  const token = given.token ?? (await developmentToken(url, { user: 'operator', admin: true }));
  const isRun = RUN_ID.test(wanted);
  const path = `/admin/api/${isRun ? 'runs' : 'errors'}/${encodeURIComponent(wanted)}`;
  const answer = await ask(url, path, token);
  if (!answer.ok) throw new CommandError(refusal(wanted, answer));
  const lines = isRun ? runLines(answer.body as RunRecord) : failureLines(answer.body as FailureStory);
  lines.forEach(print);
  return 0;
}

function readOptions(args: string[]) {
  const { values, positionals } = parse(args);
  const [wanted, ...more] = positionals;
  if (wanted === undefined || more.length > 0) throw new CommandError(USAGE, 2);
  return { wanted: wanted.trim(), ...values };
}

function parse(args: string[]) {
  const options = { url: { type: 'string' }, token: { type: 'string' } } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

function refusal(wanted: string, { status, error }: Extract<Awaited<ReturnType<typeof ask>>, { ok: false }>): string {
  if (error === null) return `The server answered ${status}, and nothing that Clarion would say.`;
  switch (error.reason) {
    case 'SUPPORT_CODE_NOT_FOUND':
      return `No failure has the support code ${wanted}. It may be mistyped, older than ERROR_RETENTION_DAYS, or of another environment; failures of a process whose database is down are in its own spool.`;
    case 'RUN_NOT_FOUND':
      return `There is no run ${wanted}. It was deleted with its thread, or is of another environment.`;
    case 'AUTH_SCOPE_MISSING':
      return 'The token has neither the scope admin nor support.';
    default:
      return `${error.reason}: ${error.message}. Support code ${error.support_code}; see ${error.help_url}`;
  }
}
