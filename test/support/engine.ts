import { Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import type { DurableEvent } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import { pino } from 'pino';
import {
  AgentsModule,
  HealthSummary,
  MessageIntake,
  RunExecutor,
  RunQueue,
  RunStore,
  type RunWakeUp,
  Supervisor,
  SupportCodeLookup,
} from '../../src/agents';
import { ConfigModule, loadConfig } from '../../src/config';
import { ErrorsModule, FailureRecordStore } from '../../src/errors';
import { MailboxModule, MailboxNotifications, MailboxStore, UserBus } from '../../src/mailbox';
import { Database, NotificationSink, PersistenceModule, PostgresFailureRecordStore } from '../../src/persistence';
import { RedisModule } from '../../src/redis';
import { TelemetryModule } from '../../src/telemetry';

/** A queue in memory: hands every wake-up to the executor of its process at once. Tests break it on purpose. */
export class DirectRunQueue extends RunQueue {
  override readonly open = true;
  readonly enqueued: RunWakeUp[] = [];
  /** Set: enqueuing rejects with it. */
  failure: Error | null = null;
  /** False: wake-ups are lost, as by a queue that was wiped. */
  delivering = true;
  /** Set: looking for jobs rejects with it. */
  lookupFailure: Error | null = null;
  executor: RunExecutor | null = null;
  /** What the executor threw: a queue would report it, and repeat the job. */
  readonly failures: unknown[] = [];
  private readonly running = new Set<Promise<void>>();

  override enqueue(wakeUps: readonly RunWakeUp[]): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.enqueued.push(...wakeUps);
    if (this.delivering) for (const { run_id } of wakeUps) this.track(this.executor?.execute(run_id));
    return Promise.resolve();
  }

  override pending(): Promise<ReadonlySet<string>> {
    return this.lookupFailure ? Promise.reject(this.lookupFailure) : Promise.resolve(new Set());
  }

  async idle(): Promise<void> {
    await Promise.allSettled([...this.running]);
  }

  private track(work: Promise<void> | undefined): void {
    if (work === undefined) return;
    const settled = Promise.allSettled([work]).then(([outcome]) => {
      if (outcome.status === 'rejected') this.failures.push(outcome.reason);
      this.running.delete(settled);
    });
    this.running.add(settled);
  }
}

/** The ground and the engine of one process, without sockets and queues. */
export class Engine {
  private constructor(
    readonly app: INestApplicationContext,
    readonly queue: DirectRunQueue,
  ) {}

  static async start(url: string, options: { env?: Record<string, string>; agents?: Type[] } = {}): Promise<Engine> {
    const config = loadConfig({
      DRILL_AGENT: '1',
      DATA_DIR: `/tmp/clarion-engine-${process.pid}`,
      LOG_LEVEL: 'silent',
      RUN_RETRY_MAX_DELAY_MS: '20',
      ...options.env,
    });
    const queue = new DirectRunQueue();
    @Global()
    @Module({
      providers: [
        ...(options.agents ?? []),
        { provide: FailureRecordStore, useExisting: PostgresFailureRecordStore },
        { provide: NotificationSink, useExisting: MailboxNotifications },
        { provide: RunQueue, useValue: queue },
        {
          provide: HealthSummary,
          useValue: { summary: () => Promise.resolve({ status: 'healthy', failed: [], degraded: [] }) },
        },
        { provide: SupportCodeLookup, useValue: { find: () => Promise.resolve(null) } },
      ],
      exports: [FailureRecordStore, NotificationSink, RunQueue, HealthSummary, SupportCodeLookup],
    })
    class Wiring {}
    @Module({
      imports: [
        ConfigModule.forRoot(config),
        TelemetryModule.forRoot(pino({ level: 'silent' })),
        ErrorsModule,
        PersistenceModule,
        RedisModule,
        MailboxModule,
        AgentsModule,
        Wiring,
      ],
    })
    class Root {}
    const app = await NestFactory.createApplicationContext(Root, { logger: false, abortOnError: false });
    queue.executor = app.get(RunExecutor);
    const database = app.get(Database);
    database.connect(url);
    database.markOpened();
    await app.get(Supervisor).start();
    return new Engine(app, queue);
  }

  get database(): Database {
    return this.app.get(Database);
  }

  get intake(): MessageIntake {
    return this.app.get(MessageIntake);
  }

  /** Sends a message to `drill`. */
  drill(user: string, id: string, request: object, more: object = {}) {
    return this.intake.accept(user, {
      client_message_id: id,
      content: JSON.stringify(request),
      agent: 'drill',
      ...more,
    });
  }

  events(user: string): Promise<DurableEvent[]> {
    return this.app.get(MailboxStore).readAfter(user, 0, 10_000);
  }

  /** Resolves with the run's terminal event. Subscribes before it looks, so that none is missed. */
  async ended(user: string, runId: string): Promise<DurableEvent> {
    const found = Promise.withResolvers<DurableEvent>();
    const look = (events: readonly DurableEvent[]): void => {
      const end = events.find((event) => event.run_id === runId && TERMINAL_EVENTS.has(event.type));
      if (end) found.resolve(end);
    };
    const subscription = this.app
      .get(UserBus)
      .subscribe(user, (signal) => signal.kind === 'events' && look(signal.events));
    look(await this.events(user));
    const end = await found.promise;
    subscription.end();
    return end;
  }

  /** Resolves when the run has ended, on whatever process. */
  async untilEnded(user: string, runId: string): Promise<void> {
    const runs = this.app.get(RunStore);
    while ((await runs.view(user, runId))?.finished_at === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async stop(graceMs = 0): Promise<void> {
    await this.app.get(Supervisor).drain(graceMs);
    await this.queue.idle();
    await this.app.close();
    await this.database.close();
  }
}
