import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findPostgresAccount, type PostgresAccount } from '../../src/persistence/embedded/postgres-account';
import { binariesFor, locateBinaries } from '../../src/persistence/embedded/postgres-binaries';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { runAs } from '../../src/persistence/embedded/processes';

export interface TestPostgres {
  /** Administrator's URL of the database `postgres`. */
  readonly url: string;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/**
 * Outlives whoever started it: when its standard input closes, which the death of a test run does as well, it ends the
 * server, and when the server has ended it removes the directory. $1 is the directory, the rest the server's command.
 * It is silent itself, because a word into the pipe of a dead test run would end it.
 */
const WATCHER = `exec 3<&0; dir=$1; shift
"$@" 3<&- & server=$!
exec >/dev/null 2>&1
{ read _ <&3; kill -QUIT $server; } & watch=$!
wait $server; kill $watch; cd /; rm -rf "$dir"`;

/** Starts a PostgreSQL of its own on a random port of 127.0.0.1, not durable, open to 300 connections. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const account = await findPostgresAccount();
  const directory = mkdtempSync(join(tmpdir(), 'clarion-test-'));
  if (account) chownSync(directory, account.uid, account.gid);
  const installed = await locateBinaries();
  const binaries = account ? await binariesFor(account, installed, directory) : installed;
  const data = join(directory, 'data');
  makeCluster(binaries.initdb, data, account);

  const port = await freePort();
  const watcher = spawn(
    'sh',
    ['-c', WATCHER, 'sh', directory, binaries.postgres, '-D', data, '-p', String(port), ...serverSettings()],
    { ...runAs(account), stdio: 'pipe' },
  );
  await untilReady(watcher);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      const ended = once(watcher, 'exit');
      watcher.stdin.end();
      await ended;
      rmSync(directory, { recursive: true, force: true }); // a copy of the binaries is ours, not the account's
    },
  };
}

function serverSettings(): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    fsync: 'off',
    full_page_writes: 'off',
    jit: 'off',
    TimeZone: 'UTC',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Collation as in the product's own server, so that tests see the order that users see. */
function makeCluster(initdb: string, data: string, account: PostgresAccount | null): void {
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', ...locale];
  const { status, error, stderr } = spawnSync(initdb, args, { ...runAs(account), timeout: START_TIMEOUT_MS });
  if (status !== 0) throw new Error(`${initdb} failed: ${stderr?.toString() ?? ''}`, { cause: error });
}

/** Resolves at the server's own word that it takes connections; rejects with its log when it ends before that. */
async function untilReady(watcher: ChildProcessWithoutNullStreams): Promise<void> {
  const log: string[] = [];
  const timer = setTimeout(() => watcher.stdin.end(), START_TIMEOUT_MS);
  for await (const line of createInterface(watcher.stderr)) {
    log.push(line);
    if (line.endsWith('database system is ready to accept connections')) {
      clearTimeout(timer);
      watcher.stderr.resume();
      return;
    }
  }
  throw new Error(`The PostgreSQL of the tests did not start:\n${log.join('\n')}`);
}
