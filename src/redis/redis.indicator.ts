import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { CallHistory, type HealthFinding, HealthIndicator } from '../telemetry';
import { RedisConnections } from './redis-connections';
import { redisError } from './redis-error';

const CANARY_TTL_MS = 10_000;

/** Redis keeps a value and gives it back. Without it work is delayed and nothing is lost, so that it is never more than degraded. */
@Injectable()
export class RedisIndicator extends HealthIndicator {
  override readonly component = 'redis';
  /** What comes and goes may be there whenever somebody looks. */
  private readonly outages = new CallHistory<unknown>();
  private readonly canary = `clarion:health:${randomUUID()}`;

  constructor(
    private readonly redis: RedisConnections,
    private readonly config: AppConfig,
  ) {
    super();
    redis.onDown((cause) => this.outages.failed(cause));
    redis.onReady(() => this.outages.succeeded());
  }

  override async check(): Promise<HealthFinding> {
    if (!this.redis.configured) return { status: 'not_configured' };
    const began = performance.now();
    try {
      return (await this.keeps(randomUUID()))
        ? this.judge(Math.round(performance.now() - began))
        : this.away(ComponentError.redis('REDIS_COMMAND_FAILED'));
    } catch (error) {
      return this.away(redisError(error));
    }
  }

  override unanswered(): HealthFinding {
    return this.away(ComponentError.redis('REDIS_TIMEOUT'));
  }

  private judge(round_trip_ms: number): HealthFinding {
    const details = { server: this.server, round_trip_ms };
    const { trouble } = this.outages;
    if (trouble === null) return { status: 'healthy', details };
    const cause = ComponentError.redis('REDIS_UNAVAILABLE', { cause: trouble.cause });
    const problem = `Redis comes and goes at ${this.server ?? 'its address'}: it was away ${trouble.failures} times within half a minute`;
    return { status: 'degraded', details, problem, suggestion: 'check its log, and the network between', cause };
  }

  private keeps(value: string): Promise<boolean> {
    return this.redis.command(async (redis) => {
      await redis.set(this.canary, value, 'PX', CANARY_TTL_MS);
      return (await redis.get(this.canary)) === value;
    });
  }

  private away(cause: ComponentError): HealthFinding {
    const details = { server: this.server };
    return { status: 'degraded', details, ...this.explain(cause), cause };
  }

  private explain({ reason }: ComponentError): { problem: string; suggestion: string } {
    const at = this.server ?? 'its address';
    switch (reason) {
      case 'REDIS_CREDENTIALS':
        return {
          problem: `Redis refuses us at ${at}`,
          suggestion: 'check user and password in REDIS_URL, and the ACL',
        };
      case 'REDIS_READ_ONLY':
        return {
          problem: `Redis takes no writes at ${at}`,
          suggestion: 'let REDIS_URL name the primary; check its disk',
        };
      case 'REDIS_CAPACITY':
        return { problem: `Redis has no memory left at ${at}`, suggestion: 'raise maxmemory there' };
      case 'REDIS_TIMEOUT':
        return { problem: `Redis does not answer at ${at}`, suggestion: 'check that it is not overloaded or frozen' };
      case 'REDIS_IS_CLUSTER':
        return {
          problem: `Redis is a cluster at ${at}`,
          suggestion: 'let REDIS_URL name a single server or its proxy',
        };
      case 'REDIS_COMMAND_FAILED':
        return {
          problem: `Redis does not keep what it is given at ${at}`,
          suggestion: 'see the root cause in the log',
        };
      default:
        return { problem: `Redis cannot be reached at ${at}`, suggestion: 'check that it runs, and REDIS_URL' };
    }
  }

  /** Host and port without credentials. */
  private get server(): string | null {
    if (this.config.redis.url === undefined) return null;
    const { hostname, port } = new URL(this.config.redis.url);
    return `${hostname}:${port === '' ? '6379' : port}`;
  }
}
