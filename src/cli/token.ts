import { parseArgs } from 'node:util';
import { DevelopmentIssuer, isUserId, type TokenRequest } from '../auth';
import { ConfigurationError, loadConfigFromProcess } from '../config';
import { ComponentError } from '../errors';

/** `npm run token -- --user alice [--admin] [--ttl 1h]` prints a development token, alone, so that a shell can take it. */

const USAGE = 'Usage: npm run token -- --user <name> [--admin] [--ttl <number>s|m|h|d]';
const NO_ISSUER =
  'There is no development issuer: another source of trust is set (AUTH_*), or NODE_ENV is production. Ask your own issuer for a token.';
const MAX_TTL_SECONDS = 30 * 86_400;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** What the caller of the command has to do differently. */
class CommandError extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
  ) {
    super(message);
  }
}

async function token(): Promise<string> {
  const request = readArguments();
  const { auth, server } = loadConfigFromProcess();
  if (!auth.developmentIssuer) throw new CommandError(1, NO_ISSUER);
  return (await DevelopmentIssuer.open(server.dataDir)).issue(request);
}

function readArguments(): TokenRequest {
  const { user, admin, ttl } = parseOptions();
  if (!isUserId(user)) throw usageError('--user takes a name of 1 to 128 characters.');
  return { user, admin, ttlSeconds: secondsOf(ttl) };
}

function parseOptions() {
  try {
    return parseArgs({
      options: {
        user: { type: 'string' },
        admin: { type: 'boolean', default: false },
        ttl: { type: 'string', default: '1h' },
      },
    }).values;
  } catch (error) {
    throw usageError((error as Error).message);
  }
}

function secondsOf(ttl: string): number {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd])$/.exec(ttl) ?? [];
  const value = Number(amount) * (UNIT_SECONDS[unit] ?? NaN);
  if (value >= 1 && value <= MAX_TTL_SECONDS) return value;
  throw usageError('--ttl takes a lifetime from 1s to 30d.');
}

function usageError(problem: string): CommandError {
  return new CommandError(2, `${problem}\n${USAGE}`);
}

/** Expected failures become a sentence and an exit code; a defect keeps its stack. */
function refuse(error: unknown): void {
  if (error instanceof CommandError) process.exitCode = error.exitCode;
  else if (error instanceof ConfigurationError || error instanceof ComponentError) process.exitCode = 1;
  else throw error;
  const details = error instanceof ComponentError ? ` ${JSON.stringify(error.details)}` : '';
  process.stderr.write(`${error.message}${details}\n`);
}

void token().then(
  (text) => process.stdout.write(`${text}\n`),
  (error: unknown) => refuse(error),
);
