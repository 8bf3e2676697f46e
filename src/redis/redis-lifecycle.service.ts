import { Injectable, Logger } from '@nestjs/common';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Repairs } from '../telemetry';
import { RedisConnections } from './redis-connections';
import { redisError } from './redis-error';

const WATCH_EVERY_MS = 1_000;

/** Brings Redis up where it is configured, looks after its connections, reports each outage once, and closes. */
@Injectable()
export class RedisLifecycle {
  private readonly logger = new Logger(RedisLifecycle.name);
  private readonly watch: PeriodicLoop;
  private away = false;
  private trying = false;

  constructor(
    private readonly redis: RedisConnections,
    private readonly reporter: FailureReporter,
    private readonly repairs: Repairs,
  ) {
    this.watch = new PeriodicLoop({
      name: 'redis.watch',
      everyMs: WATCH_EVERY_MS,
      work: () => redis.check(),
      reporter,
      component: 'Redis',
    });
  }

  /** Resolves when Redis is there, or known to be away; never rejects. */
  async open(): Promise<void> {
    if (!this.redis.configured) return;
    this.redis.onDown((cause) => {
      this.away = true;
      void this.reporter.report(redisError(cause), { operation: 'redis.connection' });
    });
    this.redis.onAttempt(() => this.attempt());
    this.redis.onReady(() => this.back());
    await this.redis.open();
    this.watch.start();
  }

  async close(): Promise<void> {
    await this.watch.stop();
    this.redis.close();
  }

  /** An attempt that another one follows has failed. */
  private attempt(): void {
    if (this.trying) this.repairs.attempted('redis', 'reconnect', false);
    this.trying = true;
  }

  private back(): void {
    if (this.away) this.repairs.attempted('redis', 'reconnect', true);
    this.away = false;
    this.trying = false;
    void this.warnOfEviction();
  }

  /** A Redis that evicts keys to make room throws jobs away. One that went away again is asked at its next return. */
  private async warnOfEviction(): Promise<void> {
    const [memory] = await Promise.allSettled([this.redis.command((redis) => redis.info('memory'))]);
    if (memory.status === 'rejected') return;
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory.value)?.[1];
    if (policy === undefined || policy === 'noeviction') return;
    this.logger.warn({ policy }, 'Redis may evict jobs when its memory is full: set maxmemory-policy to noeviction');
  }
}
