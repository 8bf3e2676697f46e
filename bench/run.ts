import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgres } from '../dist/persistence';

/** What a load reports; latencies in milliseconds. */
interface Result {
  perSecond: number;
  p50: number;
  p99: number;
}

/** Durable accepts per second against a plain Nest handler, both on PostgreSQL with workers off, in one run on one machine. */
async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clarion-bench-'));
  const postgres = new EmbeddedPostgres({ dataDir, log: () => undefined });
  try {
    const { url } = await postgres.start();
    const plain = await measure('plain', 'plain-server.js', url, dataDir);
    const clarion = await measure('clarion', 'clarion-server.js', url, dataDir);
    const half = await measure('clarion', 'clarion-server.js', url, dataDir, clarion.perSecond / 2);
    print([
      ['plain handler, accepts/s', plain.perSecond, plain.p99],
      ['Clarion, accepts/s', clarion.perSecond, clarion.p99],
      ['Clarion at half that load', half.perSecond, half.p99],
    ]);
    process.stdout.write(
      `ratio ${(clarion.perSecond / plain.perSecond).toFixed(2)} (at least 5), p99 at half load ${half.p99.toFixed(1)} ms (at most 30)\n`,
    );
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function measure(kind: string, server: string, url: string, dataDir: string, pace = 0): Promise<Result> {
  const port = await freePort();
  const child = fork(join(__dirname, server), [url, String(port), dataDir], { stdio: 'inherit' });
  await ready(child);
  try {
    const load = [join(__dirname, 'accept-load.js'), `http://127.0.0.1:${port}`, kind, String(pace)];
    const { stdout } = await promisify(execFile)(process.execPath, load, { timeout: 60_000 });
    return JSON.parse(stdout) as Result;
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('a server of the benchmark ended before it was ready');
  });
  await Promise.race([once(child, 'message'), ended]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function print(rows: [string, number, number][]): void {
  for (const [name, perSecond, p99] of rows) {
    process.stdout.write(`${name.padEnd(32)} ${perSecond.toFixed(0).padStart(8)}/s   p99 ${p99.toFixed(1)} ms\n`);
  }
}

void main();
