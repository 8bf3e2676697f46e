import { parseArgs } from 'node:util';
import { DevelopmentIssuer, isUserId, type TokenRequest } from '../auth';
import { loadConfigFromProcess } from '../config';
import { CommandError } from './command/command-error';
import { runCommand } from './command/run-command';

/** `npm run token -- --user alice [--admin] [--ttl 1h]` prints a development token, alone, so that a shell can take it. */

const USAGE = 'Usage: npm run token -- --user <name> [--admin] [--ttl <number>s|m|h|d]';
const NO_ISSUER =
  'There is no development issuer: another source of trust is set (AUTH_*), or NODE_ENV is production. Ask your own issuer for a token.';
const MAX_TTL_SECONDS = 30 * 86_400;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

async function token(): Promise<string> {
  const request = readArguments();
  const { auth, server } = loadConfigFromProcess();
  if (!auth.developmentIssuer) throw new CommandError(NO_ISSUER);
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
  return new CommandError(`${problem}\n${USAGE}`, 2);
}

runCommand(async () => {
  process.stdout.write(`${await token()}\n`);
  return 0;
});
