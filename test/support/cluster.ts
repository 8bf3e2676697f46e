import { SignJWT } from 'jose';
import { createTestDatabase, type TestDatabase } from './database';
import { ChatClient } from './chat-client';
import { ClarionProcess } from './clarion-process';
import { RedisServer } from './redis-server';

const ISSUER = { AUTH_JWT_SECRET: 'a secret of the tests, which all share', AUTH_JWT_ISSUER: 'tests' };
const AUDIENCE = 'clarion';

/** Several processes on one database and one Redis, as in a deployment; tokens are signed here. */
export class Cluster {
  private readonly processes: ClarionProcess[] = [];
  private readonly clients: ChatClient[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly redis: RedisServer,
  ) {}

  static async create(): Promise<Cluster> {
    return new Cluster(await createTestDatabase(), await RedisServer.start());
  }

  async start(role: 'all' | 'gateway' | 'worker', env: Record<string, string> = {}): Promise<ClarionProcess> {
    const shared = { DATABASE_URL: this.database.url, REDIS_URL: this.redis.url };
    const issuer = { ...ISSUER, AUTH_JWT_AUDIENCE: AUDIENCE };
    const settings = { ROLE: role, HOST: '127.0.0.1', DRILL_AGENT: '1', DATABASE_POOL_SIZE: '5', LOG_FORMAT: 'json' };
    const clarion = await ClarionProcess.start({ env: { ...shared, ...issuer, ...settings, ...env } });
    this.processes.push(clarion);
    return clarion;
  }

  async connect(to: ClarionProcess, user: string, more: Record<string, unknown> = {}): Promise<ChatClient> {
    const client = await ChatClient.connect(to.url, { token: await this.token(user), ...more });
    this.clients.push(client);
    return client;
  }

  token(user: string, scope = ''): Promise<string> {
    return new SignJWT({ scope })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user)
      .setIssuer(ISSUER.AUTH_JWT_ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('1h')
      .sign(Buffer.from(ISSUER.AUTH_JWT_SECRET));
  }

  async dispose(): Promise<void> {
    for (const client of this.clients) client.close();
    await Promise.all(this.processes.map((clarion) => clarion.dispose()));
    await this.redis.kill();
    await this.database.drop();
  }
}
