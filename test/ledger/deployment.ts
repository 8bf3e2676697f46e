import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { Client } from 'pg';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { ClarionProcess, ROOT } from '../support/clarion-process';
import { FaultyProxy } from './faulty-proxy';
import { OwnPostgres, EmbeddedPostgresServer, type PostgresServer } from './postgres-server';

const SECRET = 'the secret of the ledger, longer than 32 characters';
const ISSUER = 'https://ledger.example';
const AUDIENCE = 'clarion';
const READY_LIMIT_MS = 40_000;
/** A drain, which lets runs go on for 10 s, and what comes before and after it. */
const REPLACED_LIMIT_MS = 25_000;
/** Long enough for a replacement to have taken over the runs of the process that it replaces. */
const TAKEOVER_MS = 2_000;

const ENVIRONMENT = {
  HOST: '127.0.0.1',
  AUTH_JWT_SECRET: SECRET,
  AUTH_JWT_ISSUER: ISSUER,
  AUTH_JWT_AUDIENCE: AUDIENCE,
  DRILL_AGENT: '1',
  PING_INTERVAL_MS: '2000',
  PING_TIMEOUT_MS: '2000',
  MESSAGES_PER_MINUTE: '100000',
};

/** Clarion as real processes behind a proxy, with whatever it stands on; it can be broken, and mended again. */
export interface Deployment {
  /** What it is, for the report. */
  readonly name: string;
  readonly proxy: FaultyProxy;
  readonly postgres: PostgresServer;
  /** Ends of processes that nobody has asked for. */
  readonly unexpectedEnds: readonly string[];
  killProcess(): Promise<void>;
  /** kill -9 of everything at once: what a power cut is. */
  killAll(): Promise<void>;
  restartProcess(): Promise<void>;
  signalProcess(signal: NodeJS.Signals): void;
  /** SIGTERM, and a new start when it has ended. */
  restartInOrder(): Promise<void>;
  /** The process is frozen and its database restarts; another takes its place; then it wakes. Resolves when the first has ended. */
  replaceProcess(): Promise<void>;
  log(): string;
  dispose(): Promise<void>;
}

/** A token that needs nobody to be alive. */
export function tokenOf(user: string, claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: ISSUER, aud: AUDIENCE, sub: user, iat: now, exp: now + 86_400, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
}

/** One process with everything in it, on a PostgreSQL in its DATA_DIR or on one that the ledger can stop. */
export class OneProcess implements Deployment {
  readonly unexpectedEnds: string[] = [];
  private asked = false;
  private readonly processes: ClarionProcess[] = [];

  private constructor(
    readonly name: string,
    readonly proxy: FaultyProxy,
    readonly postgres: PostgresServer,
    private readonly dist: string,
    private process: ClarionProcess,
  ) {
    this.watch(process);
  }

  /** @param dist the build to run */
  static async start(where: 'embedded' | 'own', dist: string): Promise<OneProcess> {
    const own = where === 'own' ? await OwnPostgres.start() : null;
    const process = await ClarionProcess.start(optionsOf(dist, own?.environment ?? {}));
    const postgres = own ?? new EmbeddedPostgresServer(process.dataDir);
    const name = own === null ? 'PostgreSQL in DATA_DIR' : 'PostgreSQL of its own';
    return new OneProcess(name, await FaultyProxy.before(process.port), postgres, dist, process);
  }

  async killProcess(): Promise<void> {
    this.asked = true;
    this.process.signal('SIGKILL');
    await this.process.exit();
  }

  async killAll(): Promise<void> {
    this.asked = true;
    this.process.signal('SIGKILL');
    await this.postgres.kill();
    await this.process.exit();
  }

  async restartProcess(): Promise<void> {
    await this.begin(this.process.port);
  }

  async restartInOrder(): Promise<void> {
    this.asked = true;
    const code = await this.process.stop();
    if (code !== 0) this.unexpectedEnds.push(`SIGTERM ended the process with ${code}`);
    await this.restartProcess();
  }

  signalProcess(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  async replaceProcess(): Promise<void> {
    const old = this.process;
    this.asked = true;
    old.signal('SIGSTOP');
    await this.postgres.kill();
    await this.postgres.start();
    const replacement = await this.begin(await freePort());
    this.proxy.retarget(replacement.port);
    await replacement.until(() => replacement.answers('/health/ready'), READY_LIMIT_MS);
    await delay(TAKEOVER_MS);
    old.signal('SIGCONT');
    const ended = await Promise.race([old.exit(), delay(REPLACED_LIMIT_MS, 'alive' as const)]);
    if (ended === 'alive') this.unexpectedEnds.push('a process that was replaced has not ended by itself');
    old.signal('SIGKILL');
    await old.exit();
  }

  log(): string {
    return this.processes.map(({ pid, output }) => `-- process ${pid} --\n${output}`).join('\n');
  }

  async dispose(): Promise<void> {
    this.asked = true;
    this.process.signal('SIGCONT');
    await this.postgres.revive();
    await this.proxy.close();
    await this.process.dispose();
    await this.postgres.dispose();
  }

  private async begin(port: number): Promise<ClarionProcess> {
    const { dataDir } = this.process;
    this.process = await ClarionProcess.spawn({ ...optionsOf(this.dist, this.postgres.environment), dataDir, port });
    this.asked = false;
    this.watch(this.process);
    return this.process;
  }

  /** A process that ends without being asked to is a difference, and is started again as an orchestrator would. */
  private watch(process: ClarionProcess): void {
    this.processes.push(process);
    const look = setInterval(() => {
      if (!process.exited) return;
      clearInterval(look);
      if (this.asked || process !== this.process) return;
      this.unexpectedEnds.push(`the process ended by itself: ${process.output.slice(-2_000)}`);
      void this.restartProcess();
    }, 50).unref();
  }
}

function optionsOf(dist: string, environment: Record<string, string>) {
  const command: [string, string] = [process.execPath, join(dist, 'main.js')];
  return { command, env: { ...ENVIRONMENT, ...environment } };
}

/** Where the build is that is looked at unless another one is named. */
export const BUILT = join(ROOT, 'dist');

/** Rows of a database, on a connection of its own. */
export async function rowsOf<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 20_000 });
  client.on('error', () => undefined); // the query in flight fails as well
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}
