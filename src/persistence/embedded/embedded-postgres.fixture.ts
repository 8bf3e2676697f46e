import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** Lets a plain child process load sources of this folder: it gets the folder or the file as its first argument. */
export const SOURCES = `
const { readFileSync } = require('node:fs');
const { transformSync } = require('@swc/core');
const swc = { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } };
require.extensions['.ts'] = (module, file) =>
  module._compile(transformSync(readFileSync(file, 'utf8'), { ...swc, filename: file }).code, file);
const sources = require(process.argv[1]);
`;

/** A process that owns an embedded PostgreSQL: what `npm start` is to it, without the rest. */
const OWNER = `${SOURCES}
const say = (event) => console.log(JSON.stringify(event));
process.on('SIGINT', () => say({ event: 'sigint' }));
process.on('SIGUSR2', () => process.exit(0));
const postgres = new sources.EmbeddedPostgres({ dataDir: process.argv[2], log: () => undefined, onDown: () => say({ event: 'down' }) });
process.on('SIGTERM', async () => { await postgres.stop(); process.exit(0); });
postgres.start().then(
  ({ url }) => say({ event: 'up', url, pid: postgres.pid }),
  ({ reason, message, details }) => { say({ event: 'failed', reason, message, details }); process.exitCode = 1; },
);
setInterval(() => undefined, 60_000);
`;

export interface OwnerEvent {
  event: string;
  url: string;
  pid: number;
  reason: string;
  details: Record<string, unknown>;
}

export interface Owner {
  child: ChildProcess & { pid: number };
  /** What it says next. */
  next(): Promise<OwnerEvent>;
  /** Sends a signal and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Leads a process group of its own, as a shell's job does. */
export function spawnOwner(dataDir: string, account: { uid?: number; gid?: number } = {}): Owner {
  const child = spawn(process.execPath, ['-e', OWNER, __dirname, dataDir], {
    ...account,
    cwd: __dirname,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  if (!child.pid) throw new Error('No process');
  return {
    child: Object.assign(child, { pid: child.pid }),
    next: async () => JSON.parse(String((await lines.next()).value)) as OwnerEvent,
    end: async (signal) => {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.signalCode === null && child.kill(signal)) await ended;
    },
  };
}

export async function query<Row>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // the query in flight fails as well
  try {
    await client.connect();
    const { rows } = await client.query(text);
    return rows as Row[];
  } finally {
    await client.end();
  }
}

/** Command lines of all processes that mention `text`; zombies have none. */
export function processesOf(text: string): string[] {
  const all = execFileSync('ps', ['axww', '-o', 'command='], { encoding: 'utf8' });
  return all.split('\n').filter((line) => line.includes(text));
}

/** Whether a process runs; its zombie, which a container's first process may never reap, does not. */
export function isAlive(pid = NaN): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout.trim());
}

/** For what tells nobody: another program's files and processes. */
export async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); await delay(2)) {
    if (Date.now() > deadline) throw new Error(`Still not so after 20 s: ${condition.toString()}`);
  }
}
