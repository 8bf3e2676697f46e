import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../../src/persistence/embedded/postmaster';

const ROOT = resolve(__dirname, '../..');
const START_LIMIT_MS = 30_000;

/** A real process of Clarion: the built `dist/main.js`, on a free port, with a DATA_DIR of its own. */
export class ClarionProcess {
  readonly log: string[] = [];
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();
  exited = false;

  private constructor(
    readonly dataDir: string,
    readonly port: number,
    environment: Record<string, string>,
  ) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => name === 'PATH' || name === 'HOME'),
    );
    this.child = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
      cwd: dataDir,
      env: { ...inherited, DATA_DIR: dataDir, PORT: String(port), LOG_FORMAT: 'json', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.take(text));
    this.child.on('exit', () => {
      this.exited = true;
      this.wake();
    });
  }

  /** Starts a process and waits until it is ready, or with `ready: false` until it listens. */
  static async start(
    options: { dataDir?: string; port?: number; env?: Record<string, string>; ready?: boolean } = {},
  ): Promise<ClarionProcess> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'clarion-e2e-')));
    const process_ = new ClarionProcess(dataDir, options.port ?? (await freePort()), options.env ?? {});
    await process_.until(
      () => process_.answers(options.ready === false ? '/health/live' : '/health/ready'),
      START_LIMIT_MS,
    );
    return process_;
  }

  /** Starts a process that is expected to end by itself. */
  static async startAndExit(
    dataDir: string,
    env: Record<string, string>,
  ): Promise<{ code: number | null; output: string }> {
    const process_ = new ClarionProcess(dataDir, await freePort(), env);
    const [code] = (await once(process_.child, 'exit')) as [number | null];
    return { code, output: process_.output };
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get output(): string {
    return this.log.join('');
  }

  /** Log lines that are JSON. */
  get lines(): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []));
  }

  /** A token of the development issuer. */
  async token(user: string, admin = false): Promise<string> {
    const response = await fetch(`${this.url}/auth/dev-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, admin }),
    });
    const { token } = (await response.json()) as { token: string };
    return token;
  }

  async get<T>(path: string, token?: string): Promise<{ status: number; body: T }> {
    const response = await fetch(this.url + path, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  async answers(path: string): Promise<boolean> {
    const [result] = await Promise.allSettled([fetch(this.url + path, { signal: AbortSignal.timeout(1_000) })]);
    return result.status === 'fulfilled' && result.value.status === 200;
  }

  /** Polls a condition of another process: there is no event to await. @throws with the log when the time is over */
  async until(condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<number> {
    const started = performance.now();
    while (!(await condition())) {
      if (this.exited) throw new Error(`Clarion ended with ${this.child.exitCode}:\n${this.output}`);
      if (performance.now() - started > limitMs) throw new Error(`Not within ${limitMs} ms. The log:\n${this.output}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    return performance.now() - started;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async exit(): Promise<number | null> {
    if (!this.exited) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  /** kill -9 of the process, and of its PostgreSQL if it has one. */
  async crash(postgresToo = false): Promise<void> {
    const postgres = postgresToo ? await postmasterPid(this.dataDir) : null;
    this.signal('SIGKILL');
    if (postgres !== null) process.kill(postgres, 'SIGKILL');
    await this.exit();
  }

  async stop(): Promise<number | null> {
    if (!this.exited) this.signal('SIGTERM');
    return this.exit();
  }

  /** Stops the process and removes its directory. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private take(text: string): void {
    this.log.push(text);
    this.wake();
  }

  private wake(): void {
    for (const waiter of this.waiting) waiter();
  }
}

/** The process id of the PostgreSQL in a DATA_DIR. */
async function postmasterPid(dataDir: string): Promise<number> {
  const [pid] = (await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n');
  return Number(pid);
}
