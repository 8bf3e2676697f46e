import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SUPERUSER } from '../../src/persistence/embedded/cluster-init';
import { StoppablePostgres } from '../faults/stoppable-postgres';
import { FaultyProxy } from '../support/faulty-proxy';
import { postgresProcesses, signalAll } from './postgres-processes';

const GONE_LIMIT_MS = 10_000;

/** A PostgreSQL that is broken on purpose. */
export interface PostgresServer {
  /** What a process of Clarion needs to be told of it. */
  readonly environment: Record<string, string>;
  /** Between Clarion and the server; null where there is no network between them. */
  readonly network: FaultyProxy | null;
  /** kill -9 of the server and all its processes. */
  kill(): Promise<void>;
  /** An orderly stop that does not wait for its clients. */
  stop(): Promise<void>;
  /** After `kill` or `stop`; nothing to do where somebody else starts it again. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Runs, whatever was done to it. */
  revive(): Promise<void>;
  /** With the password. */
  currentUrl(): Promise<string>;
  dispose(): Promise<void>;
}

/** The one in the DATA_DIR of a process of Clarion, which starts it again by itself. */
export class EmbeddedPostgresServer implements PostgresServer {
  readonly environment = {};
  readonly network = null;

  constructor(private readonly dataDir: string) {}

  async kill(): Promise<void> {
    signalAll(this.processes(), 'SIGKILL');
  }

  async stop(): Promise<void> {
    signalAll(this.processes().slice(0, 1), 'SIGINT');
  }

  async start(): Promise<void> {}

  freeze(): void {
    signalAll(this.processes(), 'SIGSTOP');
  }

  thaw(): void {
    signalAll(this.processes(), 'SIGCONT');
  }

  async revive(): Promise<void> {
    this.thaw();
  }

  async currentUrl(): Promise<string> {
    const password = (await readFile(join(this.dataDir, 'postgres-password'), 'utf8')).trim();
    const port = (await readFile(join(this.dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[3];
    return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/clarion`;
  }

  async dispose(): Promise<void> {}

  private processes(): number[] {
    return postgresProcesses(`-D ${this.dataDir}/`);
  }
}

/** One of the ledger's own, which stays away until the ledger starts it again. */
export class OwnPostgres implements PostgresServer {
  private constructor(
    private readonly server: StoppablePostgres,
    readonly network: FaultyProxy,
  ) {}

  static async start(): Promise<OwnPostgres> {
    const server = await StoppablePostgres.start();
    return new OwnPostgres(server, await FaultyProxy.before([Number(new URL(server.url).port)]));
  }

  get environment(): Record<string, string> {
    const through = new URL(this.server.url);
    through.port = String(this.network.port);
    return { DATABASE_URL: through.href };
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  async stop(): Promise<void> {
    signalAll(this.processes().slice(0, 1), 'SIGINT');
    for (const deadline = performance.now() + GONE_LIMIT_MS; this.processes().length > 0; await delay(20)) {
      if (performance.now() > deadline) throw new Error('PostgreSQL does not stop');
    }
  }

  start(): Promise<void> {
    return this.server.start();
  }

  freeze(): void {
    this.server.freeze();
  }

  thaw(): void {
    this.server.thaw();
  }

  revive(): Promise<void> {
    return this.server.revive();
  }

  async currentUrl(): Promise<string> {
    return this.server.url;
  }

  async dispose(): Promise<void> {
    await this.network.close();
    await this.server.dispose();
  }

  private processes(): number[] {
    return postgresProcesses(`-p ${new URL(this.server.url).port} `);
  }
}
