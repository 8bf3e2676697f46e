import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './harness';

/** A redis-server in memory, for one measure. */
export interface Redis {
  readonly url: string;
  stop(): Promise<void>;
}

/** False on a machine without redis-server; what needs it is then not measured, and that is said. */
export function redisIsHere(): boolean {
  const here = spawnSync('redis-server', ['--version']).status === 0;
  if (!here) process.stderr.write('no redis-server on the PATH: nothing is measured on Redis\n');
  return here;
}

export async function startRedis(): Promise<Redis> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = async (): Promise<void> => {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  let log = '';
  for await (const chunk of server.stdout) {
    log += String(chunk);
    if (!log.includes('Ready to accept connections')) continue;
    server.stdout.resume();
    return { url: `redis://127.0.0.1:${port}`, stop };
  }
  throw new Error(`redis-server did not start:\n${log}`);
}
