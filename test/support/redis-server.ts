import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { isHere } from './requirements';

/** False on a machine without redis-server. */
export function redisIsHere(): boolean {
  const { status } = spawnSync('redis-server', ['--version']);
  return isHere(status === 0, 'no redis-server on the PATH, the tests with Redis did not run');
}

/** Outlives whoever started it: when its standard input closes, which the death of a test run does as well, it ends the server. */
const WATCHER = `exec 3<&0
"$@" 3<&- </dev/null & server=$!
echo "server $server"
{ read _ <&3; kill -KILL $server; } >/dev/null 2>&1 & watch=$!
wait $server; kill $watch 2>/dev/null`;

/** A redis-server of its own on a random port of 127.0.0.1 that keeps its data in memory alone: whoever restarts it gets an empty one. */
export class RedisServer {
  private watcher: ChildProcess | null = null;
  private pid = 0;

  private constructor(
    readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** @param settings as on the command line: `--requirepass`, `secret` */
  static async start(...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), settings);
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it again on the same port, empty. */
  async restart(): Promise<void> {
    const memoryOnly = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
    const command = ['redis-server', '--port', String(this.port), ...memoryOnly, ...this.settings];
    const watcher = spawn('sh', ['-c', WATCHER, 'sh', ...command], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.watcher = watcher;
    const log: string[] = [];
    for await (const line of createInterface(watcher.stdout)) {
      log.push(line);
      this.pid = Number(/^server (\d+)$/.exec(line)?.[1] ?? this.pid);
      if (!line.includes('Ready to accept connections')) continue;
      watcher.stdout.resume();
      return;
    }
    throw new Error(`redis-server did not start:\n${log.join('\n')}`);
  }

  /** kill -9: connections end, and all it knew is gone. */
  async kill(): Promise<void> {
    const { watcher } = this;
    this.watcher = null;
    if (watcher === null) return;
    const ended = once(watcher, 'exit');
    process.kill(this.pid, 'SIGKILL');
    await ended;
  }

  /** Stands still with its connections open. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }
}
