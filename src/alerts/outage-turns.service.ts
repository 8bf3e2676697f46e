import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { FailureReporter } from '../errors';
import { RedisConnections } from '../redis';

/** Who tells of what all processes see. `told`: one of them has, on that channel. */
export type Turn = { readonly whose: 'mine' | 'others' } | { readonly whose: 'told'; readonly channel: string };

/** A process that dies while it tells gives its turn up after this. */
const TURN_MS = 60_000;
const TOLD_MS = 600_000;
const TOLD = 'told:';
const MINE: Turn = { whose: 'mine' };

/**
 * While the database is away, processes agree in Redis on who tells of an alert. Without Redis each tells for itself: said twice is better than
 * not at all.
 */
@Injectable()
export class OutageTurns {
  private readonly self = randomUUID();

  constructor(
    private readonly redis: RedisConnections,
    private readonly reporter: FailureReporter,
  ) {}

  /** @param key of what is told, the same in every process */
  take(key: string): Promise<Turn> {
    return this.ask(MINE, async (redis) => {
      if ((await redis.set(nameOf(key), this.self, 'PX', TURN_MS, 'NX')) !== null) return MINE;
      const holder = await redis.get(nameOf(key));
      if (holder?.startsWith(TOLD)) return { whose: 'told', channel: holder.slice(TOLD.length) };
      return { whose: holder === this.self ? 'mine' : 'others' };
    });
  }

  /** Somebody took it: no other process has to tell. */
  async told(key: string, channel: string): Promise<void> {
    await this.ask(null, (redis) => redis.set(nameOf(key), `${TOLD}${channel}`, 'PX', TOLD_MS));
  }

  /** The outage is over, or nobody took it: what comes next is told anew. */
  async end(key: string): Promise<void> {
    await this.ask(0, (redis) => redis.del(nameOf(key)));
  }

  private async ask<T>(otherwise: T, work: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.redis.ready) return otherwise;
    try {
      return await this.redis.command(work);
    } catch (error) {
      await this.reporter.report(error, { operation: 'alerts.turn', component: 'Redis' });
      return otherwise;
    }
  }
}

function nameOf(key: string): string {
  return `clarion:alerts:${key}`;
}
