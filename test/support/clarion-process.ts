import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { processesOf } from '../../src/persistence/embedded/embedded-postgres.fixture';
import { clusterName } from '../../src/persistence/embedded/leftovers';
import { freePort } from '../../src/persistence/embedded/postmaster';

export const ROOT = resolve(__dirname, '../..');
const MAIN = join(ROOT, 'dist/main.js');
const START_LIMIT_MS = 60_000;
const EXIT_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;

/** Ends the process $1 when its standard input closes, which the death of a test run does as well. */
const GUARD = 'read _; kill "$1" 2>/dev/null';

export interface ProcessOptions {
  /** Default: a new directory. */
  readonly dataDir?: string;
  readonly port?: number;
  readonly env?: Record<string, string>;
  /** Who it runs as; default: who runs the tests. */
  readonly account?: { uid: number; gid: number };
  /** Default: Node with dist/main.js, in DATA_DIR. */
  readonly command?: readonly [string, ...string[]];
  /** Where a `command` runs; default: the root of the repository. */
  readonly cwd?: string;
  /** The process leads a group of its own, as a shell's job does; default no. */
  readonly group?: boolean;
}

/** A real process of Clarion: the built `dist/main.js`, on a free port, with a DATA_DIR of its own. */
export class ClarionProcess {
  readonly log: string[] = [];
  private readonly child: ChildProcess;
  exited = false;

  private constructor(
    readonly dataDir: string,
    readonly port: number,
    readonly options: ProcessOptions,
  ) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => ['PATH', 'HOME', 'NODE_COMPILE_CACHE'].includes(name)),
    );
    const [program, ...args] = options.command ?? [process.execPath, MAIN];
    this.child = spawn(program, args, {
      ...options.account,
      cwd: options.command ? (options.cwd ?? ROOT) : dataDir,
      env: {
        ...inherited,
        DATA_DIR: dataDir,
        PORT: String(port),
        LOG_FORMAT: 'json',
        RUN_RETRY_MAX_DELAY_MS: '50',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.group ?? false,
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.log.push(text));
    const guard = spawn('sh', ['-c', GUARD, 'sh', String(this.child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.child.on('exit', () => {
      this.exited = true;
      guard.kill();
    });
  }

  /** Starts a process and waits until it is ready, or with `ready: false` until it listens. */
  static async start(options: ProcessOptions & { ready?: boolean } = {}): Promise<ClarionProcess> {
    const clarion = await ClarionProcess.spawn(options);
    const path = options.ready === false ? '/health/live' : '/health/ready';
    try {
      await clarion.until(() => clarion.answers(path), START_LIMIT_MS);
    } catch (error) {
      await clarion.crash(true);
      throw error;
    }
    return clarion;
  }

  /** Starts a process that is expected to end by itself. */
  static async startAndExit(options: ProcessOptions): Promise<{ code: number | null; output: string }> {
    const clarion = await ClarionProcess.spawn(options);
    return { code: await clarion.exit(), output: clarion.output };
  }

  /** Starts a process and waits for nothing. */
  static async spawn(options: ProcessOptions): Promise<ClarionProcess> {
    const dataDir = options.dataDir ?? (await newDataDir(options.account));
    return new ClarionProcess(dataDir, options.port ?? (await freePort()), options);
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
      .flatMap((line) =>
        line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Record<string, unknown>] : [],
      );
  }

  /** Command lines of the PostgreSQL in its DATA_DIR. */
  get postgresProcesses(): string[] {
    return [...processesOf(`-D ${this.dataDir}/`), ...processesOf(`${clusterName(join(this.dataDir, 'postgres'))}: `)];
  }

  /** A token of the development issuer. */
  async token(user: string, admin = false): Promise<string> {
    const response = await fetch(`${this.url}/auth/dev-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, admin }),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    const { token } = (await response.json()) as { token: string };
    return token;
  }

  async get<T>(path: string, token?: string): Promise<{ status: number; body: T }> {
    const response = await fetch(this.url + path, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  async answers(path: string): Promise<boolean> {
    const [result] = await Promise.allSettled([fetch(this.url + path, { signal: AbortSignal.timeout(1_000) })]);
    return result.status === 'fulfilled' && result.value.status === 200;
  }

  /**
   * Polls a condition of another process: there is no event to await.
   * @returns how long it took, in milliseconds
   * @throws with the end of the log when the time is over, or the process has ended
   */
  async until(condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<number> {
    const started = performance.now();
    while (!(await condition())) {
      const log = `The end of the log:\n${this.output.slice(-5_000)}`;
      if (this.exited) throw new Error(`Clarion ended with ${this.child.exitCode}. ${log}`);
      if (performance.now() - started > limitMs)
        throw new Error(`Not within ${limitMs} ms: ${condition.toString()}. ${log}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    return performance.now() - started;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with the exit code, null after a fatal signal. @throws when it does not end */
  async exit(limitMs = EXIT_LIMIT_MS): Promise<number | null> {
    if (!this.exited) {
      const [ended] = await Promise.allSettled([once(this.child, 'exit', { signal: AbortSignal.timeout(limitMs) })]);
      if (ended.status === 'rejected') {
        this.signal('SIGKILL');
        throw new Error(`Clarion did not end within ${limitMs} ms. The log:\n${this.output.slice(-5_000)}`);
      }
    }
    return this.child.exitCode;
  }

  /** kill -9 of the process, and of its PostgreSQL if it has one. */
  async crash(postgresToo = false): Promise<void> {
    const postgres = postgresToo ? await this.postmasterPid() : null;
    this.signal('SIGKILL');
    if (postgres !== null) process.kill(postgres, 'SIGKILL');
    await this.exit();
  }

  async stop(): Promise<number | null> {
    if (!this.exited) this.signal('SIGTERM');
    return this.exit();
  }

  /** Stops the process, ends a PostgreSQL that it has left behind, and removes its directory. */
  async dispose(): Promise<void> {
    await this.stop();
    const postgres = await this.postmasterPid();
    if (postgres !== null && this.postgresProcesses.length > 0) process.kill(postgres, 'SIGKILL');
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The process id of the PostgreSQL in DATA_DIR; null where there is none. */
  async postmasterPid(): Promise<number | null> {
    const [file] = await Promise.allSettled([readFile(join(this.dataDir, 'postgres/postmaster.pid'), 'utf8')]);
    return file.status === 'fulfilled' ? Number.parseInt(file.value, 10) : null;
  }
}

async function newDataDir(account?: { uid: number; gid: number }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'clarion-e2e-'));
  if (account) chownSync(directory, account.uid, account.gid);
  return directory;
}
