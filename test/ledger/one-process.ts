import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { processOf, type Deployment } from './deployment';
import { FaultyProxy } from '../support/faulty-proxy';
import { Node } from './node';
import { EmbeddedPostgresServer, OwnPostgres, type PostgresServer } from './postgres-server';

const READY_LIMIT_MS = 40_000;
/** A drain, which lets runs go on for 10 s, and what comes before and after it. */
const REPLACED_LIMIT_MS = 25_000;
/** Long enough for a replacement to have taken over the runs of the process that it replaces. */
const TAKEOVER_MS = 2_000;

/** One process with everything in it, on a PostgreSQL in its DATA_DIR or on one that the ledger can stop. */
export class OneProcess implements Deployment {
  readonly redis = null;
  private readonly problems: string[] = [];

  private constructor(
    readonly name: string,
    readonly proxy: FaultyProxy,
    readonly postgres: PostgresServer,
    private readonly node: Node,
  ) {}

  /** @param dist the build to run */
  static async start(where: 'embedded' | 'own', dist: string): Promise<OneProcess> {
    const own = where === 'own' ? await OwnPostgres.start() : null;
    const node = await Node.start('the process', processOf(dist, own?.environment ?? {}));
    const postgres = own ?? new EmbeddedPostgresServer(node.current.dataDir);
    const name = `one process, ${own === null ? 'PostgreSQL in DATA_DIR' : 'PostgreSQL of its own'}`;
    return new OneProcess(name, await FaultyProxy.before([node.port]), postgres, node);
  }

  get nodes(): readonly Node[] {
    return [this.node];
  }

  unexpectedEnds(): readonly string[] {
    return [...this.problems, ...this.node.unexpectedEnds];
  }

  readonly replaceProcess = async (): Promise<void> => {
    const { node } = this;
    const old = node.current;
    node.release();
    old.signal('SIGSTOP');
    await this.postgres.kill();
    await this.postgres.start();
    const replacement = await node.restart(await freePort());
    this.proxy.retarget([replacement.port]);
    await replacement.until(() => replacement.answers('/health/ready'), READY_LIMIT_MS);
    await delay(TAKEOVER_MS);
    old.signal('SIGCONT');
    const ended = await Promise.race([old.exit(), delay(REPLACED_LIMIT_MS, 'alive' as const)]);
    if (ended === 'alive') this.problems.push('a process that was replaced has not ended by itself');
    old.signal('SIGKILL');
    await old.exit();
  };

  async dispose(): Promise<void> {
    this.node.release();
    this.node.signal('SIGCONT');
    await this.postgres.revive();
    await this.proxy.close();
    await this.node.dispose();
    await this.postgres.dispose();
  }
}
