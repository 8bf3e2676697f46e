import { processOf, type Deployment } from './deployment';
import { FaultyProxy } from '../support/faulty-proxy';
import { LedgerRedis } from './ledger-redis';
import { Node } from './node';
import { OwnPostgres } from './postgres-server';

const ROLES = ['gateway', 'gateway', 'worker', 'worker'] as const;

/** Two gateways and two workers on one PostgreSQL and one Redis. Every reconnect of a client reaches the next gateway. */
export class Cluster implements Deployment {
  readonly name = 'two gateways and two workers, PostgreSQL and Redis of their own';
  readonly replaceProcess = null;

  private constructor(
    readonly proxy: FaultyProxy,
    readonly postgres: OwnPostgres,
    readonly redis: LedgerRedis,
    readonly nodes: readonly Node[],
  ) {}

  /** @param dist the build to run */
  static async start(dist: string): Promise<Cluster> {
    const [postgres, redis] = await Promise.all([OwnPostgres.start(), LedgerRedis.start()]);
    const nodes = await Promise.all(
      ROLES.map((role, index) => {
        const environment = { ...postgres.environment, ...redis.environment, ROLE: role };
        return Node.start(`${role} ${index}`, processOf(dist, environment));
      }),
    );
    const gateways = nodes.filter((_, index) => ROLES[index] === 'gateway');
    const balancer = await FaultyProxy.before(
      gateways.map(({ port }) => port),
      { sticky: true },
    );
    return new Cluster(balancer, postgres, redis, nodes);
  }

  unexpectedEnds(): readonly string[] {
    return this.nodes.flatMap(({ unexpectedEnds }) => unexpectedEnds);
  }

  async dispose(): Promise<void> {
    for (const node of this.nodes) {
      node.release();
      node.signal('SIGCONT');
    }
    await this.postgres.revive();
    await this.redis.revive();
    await this.proxy.close();
    await Promise.all(this.nodes.map((node) => node.dispose()));
    await this.redis.dispose();
    await this.postgres.dispose();
  }
}
