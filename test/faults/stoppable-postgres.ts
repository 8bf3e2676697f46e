import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCluster, SUPERUSER } from '../../src/persistence/embedded/cluster-init';
import { type ClusterHome, prepareHome } from '../../src/persistence/embedded/cluster-home';
import { endLeftovers } from '../../src/persistence/embedded/leftovers';
import { locateBinaries } from '../../src/persistence/embedded/postgres-binaries';
import { freePort, Postmaster } from '../../src/persistence/embedded/postmaster';
import { send } from '../../src/persistence/embedded/processes';
import { untilReady } from '../../src/persistence/embedded/readiness';

const DATABASE = 'clarion';
const LIVING = new AbortController().signal;

/** Ends the server of the directory $1 when its standard input closes, which the death of a test run does as well. */
const GUARD = 'read _; kill -QUIT $(head -n 1 "$1/postgres/postmaster.pid"); sleep 1; rm -rf "$1"';

/** A durable PostgreSQL server that a test really kills, freezes and starts again on the same port. */
export class StoppablePostgres {
  private postmaster: Postmaster | null = null;
  private readonly guard;

  private constructor(
    private readonly directory: string,
    private readonly home: ClusterHome,
    private readonly port: number,
    private readonly password: string,
  ) {
    this.guard = spawn('sh', ['-c', GUARD, 'sh', directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
  }

  static async start(): Promise<StoppablePostgres> {
    const directory = mkdtempSync(join(tmpdir(), 'clarion-stoppable-'));
    chmodSync(directory, 0o711);
    const home = await prepareHome(directory, await locateBinaries(), directory);
    const password = await ensureCluster(home, directory, LIVING);
    const postgres = new StoppablePostgres(directory, home, await freePort(), password);
    await postgres.start();
    return postgres;
  }

  get url(): string {
    return `postgres://${SUPERUSER}:${this.password}@127.0.0.1:${this.port}/${DATABASE}`;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    rmSync(join(this.home.cluster, 'postmaster.pid'), { force: true });
    this.postmaster = await Postmaster.spawn(this.home, this.port, join(this.directory, 'postgres.log'));
    const { port, password } = this;
    const target = { host: '127.0.0.1', port, user: SUPERUSER, password, database: DATABASE };
    await untilReady(this.postmaster, target, LIVING);
  }

  /** kill -9 of the server and all that it has started. */
  async kill(): Promise<void> {
    const backends = this.pids();
    this.postmaster?.signal('SIGKILL');
    for (const pid of backends) send(pid, 'SIGKILL');
    await this.postmaster?.exited;
    await endLeftovers(this.home.cluster);
  }

  /** Connections stay open, the system takes new ones, and nobody answers. */
  freeze(): void {
    for (const pid of this.pids()) send(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.pids()) send(pid, 'SIGCONT');
  }

  /** Runs, whatever a test has done to it. */
  async revive(): Promise<void> {
    this.thaw();
    if (this.postmaster?.running !== true) await this.start();
  }

  async dispose(): Promise<void> {
    this.guard.kill();
    this.thaw();
    await this.postmaster?.stop();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  private pids(): number[] {
    const pid = this.postmaster?.pid ?? null;
    if (pid === null) return [];
    const all = execFileSync('ps', ['ax', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    const pairs = all
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    return [pid, ...pairs.filter(([, parent]) => parent === pid).map(([child]) => child ?? NaN)];
  }
}
