import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { redisIsHere, RedisServer } from '../../test/support/redis-server';
import { loadConfig } from '../config';
import { type FailureContext, FailureReporter, type Failure, classify } from '../errors';
import { MetricsRegistry, Repairs } from '../telemetry';
import { RedisConnections } from './redis-connections';
import { RedisLifecycle } from './redis-lifecycle.service';
import { RedisMetrics } from './redis-metrics';
import { RedisIndicator } from './redis.indicator';

const TIMEOUT_MS = 300;

class RecordingReporter extends FailureReporter {
  readonly reported: { reason: string; operation: string }[] = [];

  override async report(error: unknown, { operation }: FailureContext): Promise<Failure> {
    this.reported.push({ reason: classify(error, 'Redis').reason, operation });
    return {} as Failure;
  }
}

const describeWithRedis = redisIsHere() ? describe : describe.skip;

describeWithRedis('with Redis', () => {
  let server: RedisServer;
  let redis: RedisConnections;
  let lifecycle: RedisLifecycle;
  let reporter: RecordingReporter;

  afterEach(async () => {
    await lifecycle.close();
    await server.kill();
  });

  function create(url = server.url): void {
    redis = new RedisConnections({ url, commandTimeoutMs: TIMEOUT_MS });
    reporter = new RecordingReporter();
    lifecycle = new RedisLifecycle(redis, reporter, new Repairs(new MetricsRegistry()));
  }

  async function start(...settings: string[]): Promise<void> {
    server = await RedisServer.start(...settings);
    create();
    await lifecycle.open();
  }

  const nextReady = () => {
    const ready = Promise.withResolvers<void>();
    let calls = redis.ready ? -1 : 0;
    redis.onReady(() => (calls += 1) > 0 && ready.resolve());
    return ready.promise;
  };
  const nextDown = () => new Promise<void>((resolve) => redis.onDown(() => resolve()));
  const echo = () => redis.command((commands) => commands.echo('here'));
  const health = () => new RedisIndicator(redis, loadConfig({ REDIS_URL: server.url })).check();

  describe('the connection for commands', () => {
    it('works, and is seen to work', async () => {
      await start();
      expect(redis.ready).toBe(true);
      expect(await echo()).toBe('here');
      expect(await health()).toMatchObject({ status: 'healthy', details: { server: `127.0.0.1:${server.port}` } });
      expect(reporter.reported).toEqual([]);
    });

    it('answers at once while Redis is away, is reported once, and is back within a second of its return', async () => {
      await start();
      const down = nextDown();
      await server.kill();
      await down;
      const refusedAt = performance.now();
      await expect(echo()).rejects.toMatchObject({ reason: 'REDIS_UNAVAILABLE', definition: { code: 1007 } });
      expect(performance.now() - refusedAt).toBeLessThan(100);
      expect(await health()).toMatchObject({
        status: 'degraded',
        problem: `Redis cannot be reached at 127.0.0.1:${server.port}`,
        cause: { reason: 'REDIS_UNAVAILABLE' },
      });
      const ready = nextReady();
      await server.restart();
      const returnedAt = performance.now();
      await ready;
      expect(performance.now() - returnedAt).toBeLessThan(1_500);
      expect(await echo()).toBe('here');
      expect(reporter.reported).toEqual([{ reason: 'REDIS_UNAVAILABLE', operation: 'redis.connection' }]);
    });

    it('is not well where Redis comes and goes, though it is there whenever somebody looks', async () => {
      await start();
      const indicator = new RedisIndicator(redis, loadConfig({ REDIS_URL: server.url }));
      for (let outage = 0; outage < 3; outage += 1) {
        expect(await indicator.check()).toMatchObject({ status: 'healthy' });
        const down = nextDown();
        const ready = nextReady();
        await server.kill();
        await down;
        await server.restart();
        await ready;
      }
      expect(await indicator.check()).toMatchObject({
        status: 'degraded',
        problem: `Redis comes and goes at 127.0.0.1:${server.port}: it was away 3 times within half a minute`,
        cause: { reason: 'REDIS_UNAVAILABLE' },
      });
    });

    it('gives up on a frozen Redis, finds it by itself, and is back when it thaws', async () => {
      await start();
      const down = nextDown();
      server.freeze();
      await expect(echo()).rejects.toMatchObject({ reason: 'REDIS_TIMEOUT' });
      await down;
      await expect(echo()).rejects.toMatchObject({ reason: 'REDIS_TIMEOUT' });
      const ready = nextReady();
      server.thaw();
      const thawedAt = performance.now();
      await ready;
      expect(performance.now() - thawedAt).toBeLessThan(2_000);
      expect(await echo()).toBe('here');
    });

    it('warns of a Redis that may evict jobs, and of no other', async () => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
      await start();
      await lifecycle.close();
      await server.kill();
      expect(warn).not.toHaveBeenCalled();
      const warned = new Promise((resolve) => warn.mockImplementation(resolve));
      await start('--maxmemory-policy', 'allkeys-lru');
      expect(await warned).toEqual({ policy: 'allkeys-lru' });
      warn.mockRestore();
    });

    it('answers what was under way when the connection breaks', async () => {
      await start();
      server.freeze();
      const asked = echo();
      const refused = expect(asked).rejects.toMatchObject({ definition: { code: 1007 } });
      await server.kill();
      await refused;
    });

    it('waits for a Redis that comes later than we do', async () => {
      server = await RedisServer.start();
      await server.kill();
      create();
      await lifecycle.open();
      expect(redis.ready).toBe(false);
      const ready = nextReady();
      await server.restart();
      await ready;
      expect(await echo()).toBe('here');
    });
  });

  describe('what Redis refuses', () => {
    it('is our credentials: told apart, at the connection already', async () => {
      await start('--requirepass', 'secret');
      await expect(echo()).rejects.toMatchObject({ reason: 'REDIS_CREDENTIALS' });
      expect(await health()).toMatchObject({ status: 'degraded', cause: { reason: 'REDIS_CREDENTIALS' } });
      await lifecycle.close();
      create(`redis://:wrong@127.0.0.1:${server.port}`);
      await lifecycle.open();
      await expect(echo()).rejects.toMatchObject({ reason: 'REDIS_CREDENTIALS' });
      expect(reporter.reported).toEqual([{ reason: 'REDIS_CREDENTIALS', operation: 'redis.connection' }]);
    });

    it.each([
      ['a replica', ['--replicaof', '127.0.0.1 1'], 'REDIS_READ_ONLY'],
      ['a full one', ['--maxmemory', '1'], 'REDIS_CAPACITY'],
      [
        'a cluster',
        ['--cluster-enabled', 'yes', '--dir', mkdtempSync(join(tmpdir(), 'clarion-redis-'))],
        'REDIS_IS_CLUSTER',
      ],
    ])('is a write to %s', async (_name, settings, reason) => {
      await start(...settings);
      expect(await health()).toMatchObject({ status: 'degraded', cause: { reason } });
    });

    it('is a command that makes no sense', async () => {
      await start();
      await expect(redis.command((commands) => commands.call('NONSENSE'))).rejects.toMatchObject({
        reason: 'REDIS_COMMAND_FAILED',
      });
      expect(redis.ready).toBe(true);
    });
  });

  describe('a further connection', () => {
    it('comes back with its subscriptions, also where it alone went silent', async () => {
      await start();
      const subscriber = redis.connect('subscriber');
      await new Promise((resolve) => subscriber.once('ready', resolve));
      await subscriber.ssubscribe('news');
      await redis.command(async (commands) => commands.call('CLIENT', 'KILL', 'ID', subscriberId(await clients())));
      await new Promise((resolve) => subscriber.once('ready', resolve));
      const heard = new Promise((resolve) => subscriber.on('smessage', (_channel, message) => resolve(message)));
      await untilHeard(heard);
      redis.disconnect(subscriber);
    });

    const clients = () => redis.command((commands) => commands.client('LIST'));

    function subscriberId(list: unknown): string {
      const line = String(list)
        .split('\n')
        .find((text) => text.includes('name=clarion-subscriber'));
      return /id=(\d+)/.exec(line ?? '')?.[1] ?? 'none';
    }

    async function untilHeard(heard: Promise<unknown>): Promise<void> {
      const again = setInterval(() => void redis.command((commands) => commands.spublish('news', 'hello')), 20);
      expect(await heard).toBe('hello');
      clearInterval(again);
    }
  });

  it('shows itself as metrics', async () => {
    await start();
    const registry = new MetricsRegistry();
    new RedisMetrics(registry, redis);
    expect(await registry.getSingleMetricAsString('clarion_redis_up')).toContain('clarion_redis_up 1');
    const down = nextDown();
    await server.kill();
    await down;
    expect(await registry.getSingleMetricAsString('clarion_redis_up')).toContain('clarion_redis_up 0');
    expect(await registry.getSingleMetricAsString('clarion_redis_outages_total')).toContain('outages_total 1');
  });
});

describe('without REDIS_URL', () => {
  it('Redis is not configured, and nothing connects', async () => {
    const config = loadConfig({});
    const redis = new RedisConnections(config.redis);
    const lifecycle = new RedisLifecycle(redis, new RecordingReporter(), new Repairs(new MetricsRegistry()));
    await lifecycle.open();
    expect(redis.configured).toBe(false);
    expect(redis.ready).toBe(false);
    expect(await new RedisIndicator(redis, config).check()).toEqual({ status: 'not_configured' });
    expect(() => redis.connect('any')).toThrow('Redis is not configured');
    await lifecycle.close();
  });
});
