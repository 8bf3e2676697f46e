import { randomUUID } from 'node:crypto';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { ComponentError, PeriodicLoop, within, type FailureReporter } from '../../errors';
import { executePipeline, type RedisConnections, redisError } from '../../redis';
import type { InProcessLimits } from './in-process-limits';
import { UserLimits, type LimitsPerUser } from './user-limits';

/** How long anybody waits for Redis; then this process decides alone. */
const ANSWER_MS = 250;
const MINUTE_MS = 60_000;
const USERS_AT_ONCE = 500;

const NOW = `local t = redis.call('TIME') local now = t[1] * 1000 + t[2] / 1000`;

/** Generic cell rate algorithm: the key holds when all that was taken will be paid back; ARGV: the cost of one, and how far ahead that may lie. */
const TAKE_MESSAGE = `${NOW}
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = paid - now - ARGV[2]
if wait > 0 then return math.ceil(wait) end
paid = paid + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.3f', paid), 'PX', math.ceil(paid - now))
return 0`;

/** The key holds places and when each runs out; ARGV: the place, the time of a lease, the limit. */
const TAKE_PLACE = `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** Also brings back places that Redis has lost. ARGV: the time of a lease, the places. */
const RENEW_PLACES = `${NOW}
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

interface RedisLimitsOptions extends LimitsPerUser {
  /** After how long the places of a process that has died are free again. */
  readonly leaseMs?: number;
}

/** Limits that all processes share. While Redis does not answer this process counts alone: nobody is refused, or waits, because of Redis. */
export class RedisLimits extends UserLimits implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly held = new Map<string, Set<string>>();
  private readonly leaseMs: number;
  private readonly renewing: PeriodicLoop;
  private failing = false;

  constructor(
    private readonly local: InProcessLimits,
    private readonly redis: RedisConnections,
    private readonly reporter: FailureReporter,
    private readonly options: RedisLimitsOptions,
  ) {
    super();
    this.leaseMs = options.leaseMs ?? 30_000;
    this.renewing = new PeriodicLoop({
      name: 'limits.renew',
      everyMs: this.leaseMs / 3,
      work: () => this.renew(),
      reporter,
      component: 'Redis',
    });
    redis.onReady(() => void this.renewing.trigger());
  }

  onApplicationBootstrap(): void {
    this.renewing.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.renewing.stop();
  }

  override get connections(): number {
    return this.local.connections;
  }

  override async takeMessage(userId: string): Promise<number> {
    const cost = MINUTE_MS / this.options.messagesPerMinute;
    const key = `clarion:messages:${userId}`;
    const wait = await this.ask((redis) => redis.eval(TAKE_MESSAGE, 1, key, cost, MINUTE_MS - cost));
    return wait ?? this.local.takeMessage(userId);
  }

  /** Whether Redis counts a place that it did not answer for in time is settled by the next renewal. */
  override async takePlace(userId: string): Promise<() => void> {
    const release = await this.local.takePlace(userId);
    const place = randomUUID();
    this.hold(userId, place);
    const giveBack = (): void => {
      release();
      if (this.letGo(userId, place)) void this.ask((redis) => redis.zrem(placesOf(userId), place));
    };
    const limit = this.options.connectionsPerUser;
    const taken = await this.ask((redis) => redis.eval(TAKE_PLACE, 1, placesOf(userId), place, this.leaseMs, limit));
    if (taken !== 0) return giveBack;
    giveBack();
    throw ComponentError.factory('CONNECTION_LIMIT', { details: { limit } });
  }

  /** What Redis says; null where it does not say it in time. */
  private async ask(work: (redis: Redis) => Promise<unknown>): Promise<number | null> {
    try {
      const answer = await within(ANSWER_MS, this.redis.command(work));
      this.failing = false;
      return answer as number;
    } catch (error) {
      this.reportOnce(error);
      return null;
    }
  }

  /** An outage is reported by those who watch the connection. */
  private reportOnce(error: unknown): void {
    const failure = redisError(error);
    if (this.failing || failure.reason === 'REDIS_UNAVAILABLE') return;
    this.failing = true;
    void this.reporter.report(failure, { operation: 'limits.shared', component: 'Redis' });
  }

  private async renew(): Promise<void> {
    if (!this.redis.ready) return;
    const users = [...this.held];
    for (let at = 0; at < users.length; at += USERS_AT_ONCE) {
      await this.redis.command((redis) => {
        const pipeline = redis.pipeline();
        for (const [userId, places] of users.slice(at, at + USERS_AT_ONCE))
          if (places.size > 0) pipeline.eval(RENEW_PLACES, 1, placesOf(userId), this.leaseMs, ...places);
        return executePipeline(pipeline);
      });
    }
  }

  private hold(userId: string, place: string): void {
    const places = this.held.get(userId) ?? new Set();
    this.held.set(userId, places.add(place));
  }

  private letGo(userId: string, place: string): boolean {
    const places = this.held.get(userId);
    const was = places?.delete(place) ?? false;
    if (places?.size === 0) this.held.delete(userId);
    return was;
  }
}

function placesOf(userId: string): string {
  return `clarion:places:${userId}`;
}
