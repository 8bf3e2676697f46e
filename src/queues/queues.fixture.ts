import type { RunExecutor } from '../agents';
import type { Database } from '../persistence';
import type { TaskWatch } from '../tasks';
import type { DeliveryProcessor } from './delivery.processor';
import { JobProcessors } from './job-processors.service';
import type { RecoveryProcessor } from './recovery.processor';
import { RunProcessor } from './run.processor';
import type { TaskProcessor } from './task.processor';
import { Client } from 'pg';
import { createTestDatabase } from '../../test/support/database';
import { redisIsHere, RedisServer } from '../../test/support/redis-server';
import { type AppConfig, loadConfig } from '../config';
import { classify, type ComponentError, type Failure, type FailureContext, FailureReporter } from '../errors';
import { RedisConnections } from '../redis';
import { MetricsRegistry, Repairs, Tracing } from '../telemetry';
import { JobFailures } from './job-failures';
import { PostgresQueues } from './postgres-queues';
import type { QueueBackend } from './queue-backend';
import type { Processors } from './queue-definitions';
import { QueueCanary } from './queue-canary.service';
import { QueueHost } from './queue-host';
import { QueueMetrics } from './queue-metrics';
import { RedisQueues } from './redis-queues';

/** Remembers what it is told; support codes are `<REASON>_<count>`. */
class RecordingReporter extends FailureReporter {
  readonly reported: (FailureContext & { reason: string; error: ComponentError })[] = [];

  override async report(thrown: unknown, context: FailureContext): Promise<Failure> {
    const cause = classify(thrown, context.component);
    this.reported.push({ ...context, reason: cause.reason, error: cause });
    return { cause, support_code: `${cause.reason}_${this.reported.length}` } as Failure;
  }
}

export type RunJob = Parameters<Processors['agent-runs']>[0];

/** A backend with its server. */
export interface TestBackend {
  readonly backend: QueueBackend;
  /** Ends all its connections at once, as a restart of the server would. */
  cut(): Promise<void>;
  stop(): Promise<void>;
}

/** Both backends: one suite is for both. */
export const BACKENDS: readonly [string, () => Promise<TestBackend>][] = [
  ['PostgreSQL', startPostgres],
  ...(redisIsHere() ? [['Redis', startRedis] as [string, typeof startRedis]] : []),
];

async function startPostgres(): Promise<TestBackend> {
  const database = await createTestDatabase();
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  return {
    backend: new PostgresQueues({ url: () => database.url, migrate: true }),
    cut: async () => {
      const client = new Client({ connectionString: database.url });
      await client.connect();
      await client.query(cut);
      await client.end();
    },
    stop: () => database.drop(),
  };
}

async function startRedis(): Promise<TestBackend> {
  const server = await RedisServer.start();
  const redis = new RedisConnections({ url: server.url, commandTimeoutMs: 1_000 });
  await redis.open();
  return {
    backend: new RedisQueues(redis),
    cut: async () => void (await redis.command((commands) => commands.call('CLIENT', 'KILL', 'TYPE', 'normal'))),
    stop: async () => {
      redis.close();
      await server.kill();
    },
  };
}

/** A host as the module makes it, with the processor of a spec. */
export function createHost(backend: QueueBackend, environment: Record<string, string> = {}) {
  const config: AppConfig = loadConfig({ DATA_DIR: '/nonexistent', ...environment });
  const registry = new MetricsRegistry();
  const metrics = new QueueMetrics(registry, new Repairs(registry));
  const reporter = new RecordingReporter();
  const failures = new JobFailures(reporter, metrics);
  return {
    host: new QueueHost(config, backend, failures, metrics, new QueueCanary(), Tracing.off()),
    reporter,
    registry,
    metrics,
  };
}

/** Resolves when `condition` holds; looks every 20 ms. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${ms} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether `work` succeeded. */
export async function succeeds(work: Promise<unknown>): Promise<boolean> {
  const [outcome] = await Promise.allSettled([work]);
  return outcome.status === 'fulfilled';
}

/** The processors of a process that only runs work in: every other queue is idle. */
export function onlyRuns(executor: RunExecutor, database: Database): JobProcessors {
  const idle = { stop: () => undefined, trigger: async () => undefined } as unknown;
  return new JobProcessors(
    new RunProcessor(executor, database),
    idle as TaskProcessor,
    idle as RecoveryProcessor,
    idle as DeliveryProcessor,
    idle as TaskWatch,
    loadConfig({}),
  );
}
