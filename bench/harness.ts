import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

const LOAD_LIMIT_MS = 180_000;

/** A line of the table at the end. */
export interface Line {
  readonly what: string;
  readonly found: string;
  readonly budget: string;
  readonly held: boolean;
}

/** What the servers of a benchmark stand on. */
export interface Ground {
  readonly url: string;
  readonly dataDir: string;
}

/** A server in a process of its own; node's arguments may come by BENCH_NODE_ARGS, for a profiler. */
export class BenchServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly kind: string,
    readonly port: number,
  ) {}

  static async start(kind: string, options: object = {}): Promise<BenchServer> {
    const port = await freePort();
    const extra = kind === 'clarion' ? (process.env['BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean) : [];
    const child = fork(join(__dirname, 'servers', `${kind}.js`), [JSON.stringify({ ...options, port })], {
      execArgv: ['--expose-gc', ...extra],
    });
    await Promise.race([once(child, 'message'), ended(child, `the server ${kind}`)]);
    return new BenchServer(child, kind, port);
  }

  /** Runs a load against this server, in a process of its own, and gives its result. */
  async load<R>(name: string, options: object = {}): Promise<R> {
    const child = this.forkLoad(name, options);
    try {
      return await resultOf<R>(child, name);
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** A load that goes on after its result, until the function that comes back is called. */
  async hold(name: string, options: object): Promise<() => void> {
    const child = this.forkLoad(name, options);
    await resultOf(child, name);
    return () => void child.kill('SIGKILL');
  }

  /** Bytes of the process, after a collection. */
  async memory(): Promise<number> {
    this.child.send('memory');
    const [{ memory }] = (await once(this.child, 'message')) as [{ memory: number }];
    return memory;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill(process.env['BENCH_NODE_ARGS'] ? 'SIGINT' : 'SIGKILL');
    await exited;
  }

  private forkLoad(name: string, options: object): ChildProcess {
    const load = JSON.stringify({ ...options, port: this.port, kind: this.kind });
    return fork(join(__dirname, 'loads', `${name}.js`), [load]);
  }
}

async function resultOf<R>(child: ChildProcess, name: string): Promise<R> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(LOAD_LIMIT_MS) });
  const [{ result }] = (await Promise.race([answer, ended(child, `the load ${name}`)])) as [{ result: R }];
  return result;
}

async function ended(child: ChildProcess, name: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`${name} ended with ${code} before its time`);
}

/** Both sides in turn, so that what else the machine does meets both; the medians of each, and of the ratios. */
export async function inTurn(
  rounds: number,
  plain: (round: number) => Promise<number>,
  clarion: (round: number) => Promise<number>,
): Promise<{ plain: number; clarion: number; ratio: number }> {
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round += 1) pairs.push([await plain(round), await clarion(round)]);
  return {
    plain: median(pairs.map(([value]) => value)),
    clarion: median(pairs.map(([, value]) => value)),
    ratio: median(pairs.map(([a, b]) => b / a)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
