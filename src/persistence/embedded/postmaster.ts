import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { open, rename, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { ClusterHome } from './cluster-home';
import { EmbeddedPostgresError } from './embedded-postgres.error';
import { exists } from './files';
import { clusterName } from './leftovers';
import { pause, runAs, send } from './processes';

/** From the first to before the second. */
const PORTS = [10_240, 32_768] as const;
const LOG_LIMIT = 10 * 1024 * 1024;
export const DISK_FULL = '53100';
/** What PostgreSQL takes at once for its log of changes; without it, it can neither go on nor start. */
const WAL_SEGMENT = 16 * 1024 * 1024;
const TAIL_LIMIT = 4_096;
const FAST_SHUTDOWN_LIMIT_MS = 10_000;
const IMMEDIATE_SHUTDOWN_LIMIT_MS = 6_000;

/** Durable, local, and silent about statements: what a statement ran into is told to who sent it, and may hold users' words. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  jit: 'off',
  TimeZone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_checkpoints: 'off',
  logging_collector: 'off',
  // With the SQLSTATE, by which its end is understood.
  log_line_prefix: '%m [%p] %e ',
};

/** One running PostgreSQL server: from its start to its exit. */
export class Postmaster {
  /** Resolves when it has ended, with how. */
  readonly exited: Promise<string>;
  running = true;
  private readonly child: ChildProcess;
  private readonly cluster: string;
  private readonly logFile: string;
  private readonly logStart: number;

  private constructor(child: ChildProcess, cluster: string, logFile: string, logStart: number) {
    this.child = child;
    this.cluster = cluster;
    this.logFile = logFile;
    this.logStart = logStart;
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.running = false;
        resolve(how);
      };
      child.on('error', (error) => (child.pid ? undefined : end(error.message)));
      child.once('exit', (code, signal) => end(signal ?? `exit ${code}`));
    });
  }

  /** Its output goes to a file, not a pipe: our death must not be one to it. */
  static async spawn(home: ClusterHome, port: number, logFile: string): Promise<Postmaster> {
    await rotate(logFile);
    const log = await open(logFile, 'a', 0o600);
    try {
      const { size } = await log.stat();
      const named = { ...SETTINGS, cluster_name: clusterName(home.cluster) };
      const settings = Object.entries(named).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const child = spawn(home.binaries.postgres, ['-D', home.cluster, '-p', String(port), ...settings], {
        ...runAs(home.account),
        stdio: ['ignore', log.fd, log.fd],
      });
      return new Postmaster(child, home.cluster, logFile, size);
    } finally {
      await log.close();
    }
  }

  /** Null when it has ended. */
  get pid(): number | null {
    return this.running ? (this.child.pid ?? null) : null;
  }

  /** Fast shutdown; an immediate one if that takes longer than 10 s. Returns when the process has ended. */
  async stop(): Promise<void> {
    this.signal('SIGINT');
    if (await this.endsWithin(FAST_SHUTDOWN_LIMIT_MS)) return;
    this.signal('SIGQUIT');
    if (await this.endsWithin(IMMEDIATE_SHUTDOWN_LIMIT_MS)) return;
    this.signal('SIGKILL');
    await this.exited;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid) send(this.pid, signal);
  }

  /** What its failure looks like: how it ended, and the end of what it has written. */
  async failure(message: string, cause?: unknown): Promise<EmbeddedPostgresError> {
    const exit = this.running ? null : await this.exited;
    const log = await this.logTail();
    // A full disk takes no log line that says so.
    const sqlstate = fatalState(log) ?? ((await hasRoom(this.cluster)) ? null : DISK_FULL);
    const details = { pid: this.child.pid ?? null, exit, sqlstate, log_file: this.logFile, log };
    return new EmbeddedPostgresError('EMBEDDED_POSTGRES_FAILED', message, { details, cause });
  }

  private async endsWithin(limitMs: number): Promise<boolean> {
    const ended = new AbortController();
    await Promise.race([this.exited, pause(limitMs, ended.signal)]);
    ended.abort();
    return !this.running;
  }

  private async logTail(): Promise<string> {
    if (!(await exists(this.logFile))) return '';
    const log = await open(this.logFile, 'r');
    try {
      const { size } = await log.stat();
      const from = Math.max(this.logStart, size - TAIL_LIMIT);
      const { buffer, bytesRead } = await log.read(Buffer.alloc(Math.max(0, size - from)), 0, undefined, from);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await log.close();
    }
  }
}

/** Whether a server could start there, for all that its disk is concerned. */
export async function hasRoom(cluster: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(cluster);
  return bavail * bsize >= WAL_SEGMENT;
}

const FATAL_LINE = /^\S+ \S+ \S+ \[\d+\] (\w{5}) (?:PANIC|FATAL): /gm;
/** Of clients that came while it was starting or ending, or were sent away: classes 28, 3D and 57P. */
const ABOUT_CLIENTS = /^(?:28|3D|57P)/;

/** The SQLSTATE of what ended the server, as far as it has said; null where it has not. */
function fatalState(log: string): string | null {
  const states = [...log.matchAll(FATAL_LINE)].map(([, state = '']) => state);
  return states.findLast((state) => !ABOUT_CLIENTS.test(state)) ?? null;
}

async function rotate(logFile: string): Promise<void> {
  if ((await exists(logFile)) && (await stat(logFile)).size > LOG_LIMIT) await rename(logFile, `${logFile}.1`);
}

/**
 * A port of 127.0.0.1 that nobody has at this moment. Not one of those that systems give to outgoing connections: until it is listened on, or
 * while its owner restarts, one of them would take it.
 */
export async function freePort(): Promise<number> {
  let port = randomInt(...PORTS);
  while (!(await isFree(port))) port = randomInt(...PORTS);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
