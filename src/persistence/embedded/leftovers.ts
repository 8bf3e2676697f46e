import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres.error';
import { send } from './processes';

const POLL_MS = 20;

/** To a postmaster: fast shutdown, immediate shutdown, none; then what is left of its children. Limits in milliseconds. */
const STEPS = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 6_000],
  ['SIGKILL', 2_000],
  ['SIGKILL', 2_000],
] as const;

interface Process {
  pid: number;
  command: string;
}

/** PostgreSQL shows it in the titles of its processes, which is how those of a cluster are known from all others. */
export function clusterName(cluster: string): string {
  return `clarion-${createHash('sha256').update(cluster).digest('hex').slice(0, 16)}`;
}

/**
 * Ends every process of a cluster whose owner or whose postmaster was killed. To be called only by who holds the data directory's
 * lock and runs no server in it: that proves that nobody else does.
 *
 * @returns the pids that were found.
 */
export async function endLeftovers(cluster: string, platform = process.platform): Promise<number[]> {
  const pids = (await processesOf(cluster, platform)).map(({ pid }) => pid);
  for (const [signal, limit] of STEPS) {
    if (await allGone(cluster, signal, limit, platform)) return pids;
  }
  const details = { cluster, pids };
  throw new EmbeddedPostgresError('DATA_DIR_UNUSABLE', `A PostgreSQL left behind in ${cluster} does not end`, {
    details,
  });
}

async function allGone(
  cluster: string,
  signal: NodeJS.Signals,
  limitMs: number,
  platform: NodeJS.Platform,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  let left = await processesOf(cluster, platform);
  // Children that have lost their postmaster have nobody to shut them down, and a busy one does not notice.
  const heads = left.filter(({ command }) => isPostmaster(command, cluster));
  for (const { pid } of heads) send(pid, signal);
  if (heads.length === 0) for (const { pid } of left) send(pid, 'SIGKILL');
  while (left.length > 0 && performance.now() < deadline) {
    await delay(POLL_MS);
    left = await processesOf(cluster, platform);
  }
  return left.length === 0;
}

async function processesOf(cluster: string, platform: NodeJS.Platform): Promise<Process[]> {
  const title = `postgres: ${clusterName(cluster)}: `;
  const all = platform === 'linux' ? await readProc() : await askPs();
  return all.filter(({ command }) => isPostmaster(command, cluster) || command.startsWith(title));
}

function isPostmaster(command: string, cluster: string): boolean {
  return command.includes(`postgres -D ${cluster} -`);
}

async function readProc(): Promise<Process[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  return Promise.all(pids.map(async (pid) => ({ pid, command: await commandLine(pid) })));
}

/** Empty for a process that has ended, its zombie included. */
async function commandLine(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}

function askPs(): Promise<Process[]> {
  const options = { timeout: 5_000, maxBuffer: 16 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    execFile('ps', ['axww', '-o', 'pid=,command='], options, (error, stdout) => {
      if (error) return reject(new Error('The list of processes cannot be read', { cause: error }));
      const lines = [...stdout.matchAll(/^\s*(\d+) (.*)$/gm)];
      resolve(lines.map(([, pid, command]) => ({ pid: Number(pid), command: command ?? '' })));
    });
  });
}
