import { Redis } from 'ioredis';
import { RedisServer } from '../support/redis-server';
import { FaultyProxy } from '../support/faulty-proxy';

/** A Redis that is broken on purpose, behind a network of its own. */
export class LedgerRedis {
  private alive = true;

  private constructor(
    private readonly server: RedisServer,
    readonly network: FaultyProxy,
  ) {}

  static async start(): Promise<LedgerRedis> {
    const server = await RedisServer.start();
    return new LedgerRedis(server, await FaultyProxy.before([server.port]));
  }

  /** What a process of Clarion needs to be told of it. */
  get environment(): Record<string, string> {
    return { REDIS_URL: `redis://127.0.0.1:${this.network.port}` };
  }

  /** kill -9: it comes back empty. */
  async kill(): Promise<void> {
    this.alive = false;
    await this.server.kill();
  }

  /** After `kill`. */
  async start(): Promise<void> {
    await this.server.restart();
    this.alive = true;
  }

  freeze(): void {
    this.server.freeze();
  }

  thaw(): void {
    this.server.thaw();
  }

  /** All it knows is gone, while everybody stays connected. */
  async flush(): Promise<void> {
    const redis = new Redis(this.server.url, { maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined); // the command fails as well
    await redis.flushall();
    redis.disconnect();
  }

  /** Runs, whatever was done to it. */
  async revive(): Promise<void> {
    if (this.alive) this.server.thaw();
    else await this.start();
  }

  async dispose(): Promise<void> {
    await this.network.close();
    await this.server.kill();
  }
}
