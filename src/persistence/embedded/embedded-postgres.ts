import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseDirectory, type ClusterHome, ensureDataDir, prepareHome, recordDirectory } from './cluster-home';
import { ensureCluster, SUPERUSER } from './cluster-init';
import { acquireDataDirLock, type DataDirLock } from './data-dir-lock';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres.error';
import { endLeftovers } from './leftovers';
import { locateBinaries, type PostgresBinaries } from './postgres-binaries';
import { DISK_FULL, freePort, hasRoom, Postmaster } from './postmaster';
import { pause } from './processes';
import { untilReady } from './readiness';

export interface EmbeddedPostgresOptions {
  dataDir: string;
  log: (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void;
  /** The server has ended by itself; it is being started again. */
  onDown?: (error: EmbeddedPostgresError) => void;
  /** It is back after `onDown`; the URL is the same. */
  onUp?: (url: string) => void;
  /** Default: those that npm installed. */
  binaries?: PostgresBinaries;
  /** Where a root process keeps what its account cannot reach otherwise. Default `/var/lib/clarion`. */
  systemDir?: string;
}

export interface EmbeddedPostgresInfo {
  url: string;
  host: string;
  port: number;
  /** The directory that holds the cluster `postgres`: DATA_DIR, or its substitute. */
  directory: string;
}

const HOST = '127.0.0.1';
const DATABASE = 'clarion';
const START_ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 100;
/** To start it on a full disk would only fill its log. */
const ROOM_LOOK_MS = 250;
const LAST_BACKOFF_MS = 5_000;
/** Having been up for so long makes the next failure a first one. */
const STEADY_MS = 10_000;

/**
 * A PostgreSQL of our own in DATA_DIR, on a random port of 127.0.0.1 that stays the same for the life of this object. It is started
 * once and stopped once; in between it is started again whenever it ends by itself. All failures are `EmbeddedPostgresError`.
 */
export class EmbeddedPostgres {
  private readonly options: EmbeddedPostgresOptions;
  private readonly stopping = new AbortController();
  private readonly locks: DataDirLock[] = [];
  private backoffMs = FIRST_BACKOFF_MS;
  /** Why there is no server, as of its end or the last attempt to start it; null while there is one. */
  trouble: EmbeddedPostgresError | null = null;
  private cluster: string | null = null;
  private port: number | null = null;
  private postmaster: Postmaster | null = null;
  private started: Promise<EmbeddedPostgresInfo> | null = null;
  private supervision: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;
  /** For an end of this process that nobody has prepared: the server then ends by itself, in order. */
  private readonly atExit = (): void => this.postmaster?.signal('SIGINT');

  constructor(options: EmbeddedPostgresOptions) {
    this.options = options;
  }

  /** Resolves when the database accepts connections. */
  start(): Promise<EmbeddedPostgresInfo> {
    this.started ??= this.boot();
    return this.started;
  }

  /** Ends the server, also one that is just starting, and gives the data directory free. May be called again. */
  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  /** The server's process id; null while there is none. */
  get pid(): number | null {
    return this.postmaster?.pid ?? null;
  }

  private async boot(): Promise<EmbeddedPostgresInfo> {
    try {
      this.stopping.signal.throwIfAborted();
      process.once('exit', this.atExit);
      const dataDir = await ensureDataDir(this.options.dataDir);
      const home = await this.settle(dataDir);
      const password = await ensureCluster(home, dataDir, this.stopping.signal);
      await recordDirectory(dataDir, home.directory);
      const server = { home, password, logFile: join(dataDir, 'postgres.log') };
      const postmaster = await this.launchRepeatedly(server, START_ATTEMPTS);
      if (postmaster instanceof EmbeddedPostgresError) throw postmaster;
      this.supervision = this.supervise(postmaster, server);
      return { url: this.url(password), host: HOST, port: this.port ?? 0, directory: home.directory };
    } catch (error) {
      await this.release();
      throw asFailure(error, this.options.dataDir);
    }
  }

  /** Makes the data directory ours alone, and finds where in it, or for it, the cluster stands. */
  private async settle(dataDir: string): Promise<ClusterHome> {
    const { log, systemDir = '/var/lib/clarion' } = this.options;
    this.locks.push(await acquireDataDirLock(dataDir));
    const directory = await chooseDirectory(dataDir, systemDir);
    if (directory !== dataDir) {
      this.locks.push(await acquireDataDirLock(directory));
      log('warn', 'PostgreSQL keeps its data elsewhere: its user cannot reach DATA_DIR', {
        data_dir: dataDir,
        directory,
      });
    }
    const binaries = this.options.binaries ?? (await locateBinaries());
    const home = await prepareHome(directory, binaries, systemDir);
    this.cluster = home.cluster;
    return home;
  }

  private async supervise(first: Postmaster, server: Server): Promise<void> {
    let postmaster = first;
    for (;;) {
      const upSince = performance.now();
      await postmaster.exited;
      if (this.stopping.signal.aborted) return;
      const failure = await postmaster.failure('PostgreSQL has ended by itself');
      this.options.log('error', failure.message, failure.details);
      this.trouble = failure;
      this.options.onDown?.(failure);
      if (performance.now() - upSince >= STEADY_MS) this.backoffMs = FIRST_BACKOFF_MS;
      await this.backOff(failure);
      const next = await this.launchRepeatedly(server, Infinity);
      if (next instanceof EmbeddedPostgresError) return; // told to stop
      postmaster = next;
      this.trouble = null;
      this.options.log('info', 'PostgreSQL is up again', { pid: postmaster.pid, port: this.port });
      this.options.onUp?.(this.url(server.password));
    }
  }

  /** Tries again with growing pauses until it is up, told to stop, or `attempts` are used up. */
  private async launchRepeatedly(server: Server, attempts: number): Promise<Postmaster | EmbeddedPostgresError> {
    for (let attempt = 1; ; attempt++) {
      const result = await this.launch(server);
      if (result instanceof Postmaster || attempt >= attempts || this.stopping.signal.aborted) return result;
      this.trouble = result;
      this.options.log('error', result.message, { ...result.details, attempt });
      await this.backOff(result);
    }
  }

  private async launch({ home, password, logFile }: Server): Promise<Postmaster | EmbeddedPostgresError> {
    try {
      const port = this.port ?? (await freePort());
      await this.clear(home.cluster);
      this.stopping.signal.throwIfAborted();
      this.postmaster = await Postmaster.spawn(home, port, logFile);
      const target = { host: HOST, port, user: SUPERUSER, password, database: DATABASE };
      await untilReady(this.postmaster, target, this.stopping.signal);
      this.stopping.signal.throwIfAborted(); // past this line shutDown() sees it and stops it
      this.port = port;
      return this.postmaster;
    } catch (error) {
      await this.postmaster?.stop();
      return asFailure(error, home.directory);
    }
  }

  private async clear(cluster: string): Promise<void> {
    const pids = await endLeftovers(cluster);
    if (pids.length > 0) this.options.log('warn', 'What was left of a killed PostgreSQL was ended', { pids });
    // PostgreSQL believes this file as long as anybody, even a zombie, has the pid that stands in it.
    await rm(join(cluster, 'postmaster.pid'), { force: true });
  }

  private async backOff({ details: { sqlstate } }: EmbeddedPostgresError): Promise<void> {
    const { signal } = this.stopping;
    const wait = this.backoffMs;
    this.backoffMs = Math.min(wait * 2, LAST_BACKOFF_MS);
    await pause(wait, signal);
    if (sqlstate !== DISK_FULL || this.supervision === null || this.cluster === null) return;
    while (!signal.aborted && !(await hasRoom(this.cluster))) await pause(ROOM_LOOK_MS, signal);
  }

  private async shutDown(): Promise<void> {
    this.stopping.abort(new EmbeddedPostgresError('EMBEDDED_POSTGRES_FAILED', 'PostgreSQL was told to stop'));
    await Promise.allSettled([this.started]);
    await this.postmaster?.stop();
    await this.supervision;
    await this.release();
  }

  private async release(): Promise<void> {
    process.off('exit', this.atExit);
    const locks = this.locks.splice(0);
    try {
      // Children of a postmaster that was killed. Without the locks they would be somebody else's.
      if (this.cluster && locks.length > 0) await endLeftovers(this.cluster);
    } finally {
      for (const lock of locks) await lock.release();
    }
  }

  private url(password: string): string {
    return `postgres://${SUPERUSER}:${password}@${HOST}:${this.port}/${DATABASE}`;
  }
}

interface Server {
  home: ClusterHome;
  password: string;
  logFile: string;
}

/** What the file system refuses (EACCES, ENOSPC, EROFS, ENOTDIR, …) is the data directory's trouble. */
function asFailure(error: unknown, directory: string): EmbeddedPostgresError {
  if (error instanceof EmbeddedPostgresError) return error;
  const code = codeOf(error);
  const reason = code?.startsWith('E') && !code.startsWith('ERR_') ? 'DATA_DIR_UNUSABLE' : 'EMBEDDED_POSTGRES_FAILED';
  const message = error instanceof Error ? error.message : String(error);
  return new EmbeddedPostgresError(reason, message, { details: { directory, code: code ?? null }, cause: error });
}
