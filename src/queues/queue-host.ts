import { Injectable } from '@nestjs/common';
import { DatabaseError } from 'pg';
import { AppConfig } from '../config';
import { ComponentError, within } from '../errors';
import { Tracing } from '../telemetry';
import { HostedWorker } from './hosted-worker';
import { JobFailures } from './job-failures';
import { inJobSpan } from './job-span';
import { HostedQueue, type QueueConnections } from './bull';
import { QueueBackend } from './queue-backend';
import { QueueCanary } from './queue-canary.service';
import { type Processors, QUEUE_NAMES, type QueueName, QUEUES } from './queue-definitions';
import { QueueMetrics } from './queue-metrics';

interface Opened {
  readonly connections: QueueConnections;
  readonly queues: Map<QueueName, HostedQueue>;
  readonly workers: Map<QueueName, HostedWorker>;
}

const READY_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** The queues and workers of this process, on connections of their own. */
@Injectable()
export class QueueHost {
  private opened: Opened | null = null;
  /** The first error since the last check that concerns no single job. */
  private trouble: unknown = null;
  private away = false;

  constructor(
    private readonly config: AppConfig,
    private readonly backend: QueueBackend,
    private readonly failures: JobFailures,
    private readonly metrics: QueueMetrics,
    private readonly canary: QueueCanary,
    private readonly tracing: Tracing,
  ) {}

  get isOpen(): boolean {
    return this.opened !== null;
  }

  /** @throws ComponentError QUEUE_UNAVAILABLE until the queues are open */
  queue(name: QueueName): HostedQueue {
    const queue = this.opened?.queues.get(name);
    if (queue === undefined) throw ComponentError.redis('QUEUE_UNAVAILABLE', { details: { queue: name } });
    return queue;
  }

  /** Every queue; none until they are open. */
  all(): readonly HostedQueue[] {
    return [...(this.opened?.queues.values() ?? [])];
  }

  /**
   * Opens every queue and lets the workers of those that have a processor take jobs. Afterwards outages are waited out.
   * @throws ComponentError DATABASE_SCHEMA_OUTDATED, or what the connection throws; then nothing is open
   */
  async open(processors: Partial<Processors>): Promise<void> {
    try {
      await this.backend.prepare();
      await this.openAll(this.withCanary(processors));
    } catch (error) {
      if (error instanceof ComponentError || error instanceof DatabaseError) throw error;
      throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause: error });
    }
  }

  /**
   * Looks after the queues; to be called once a second. What a backend that is known to be away causes is told of by whoever knows that.
   * @throws ComponentError QUEUE_UNAVAILABLE for what has gone wrong since the last check
   */
  async check(): Promise<void> {
    const { opened, trouble } = this;
    this.trouble = null;
    // Also what was noted since the last check but one belongs to the outage.
    const wasAway = this.away;
    this.away = !this.backend.ready;
    if (this.away || wasAway) return;
    if (trouble !== null) throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause: trouble });
    try {
      for (const [name, worker] of opened?.workers ?? []) await worker.check(this.queue(name));
    } catch (cause) {
      throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause });
    }
  }

  /** Resolves when a job that is sent now was done; in a process without workers, when it was taken. */
  async roundTrip(signal: AbortSignal): Promise<void> {
    const queue = this.queue('health-checks');
    if ((this.opened?.workers.size ?? 0) > 0) await this.canary.fly(queue, signal);
    else await this.canary.send(queue);
  }

  /** The same for a background task that does nothing. */
  async taskRoundTrip(canary: QueueCanary, signal: AbortSignal): Promise<void> {
    if ((this.opened?.workers.size ?? 0) > 0) await canary.fly(this.queue('background-tasks'), signal);
  }

  /** The workers take no jobs any more; those that are worked on go on. */
  async stopTaking(): Promise<void> {
    await Promise.all([...(this.opened?.workers.values() ?? [])].map((worker) => worker.stopTaking()));
  }

  /** Ends within seconds, whatever the backend does. */
  async close(opened: Opened | null = this.opened): Promise<void> {
    this.opened = null;
    if (opened === null) return;
    await Promise.all([...opened.workers.values()].map((worker) => worker.close()));
    const closing = [...opened.queues.values()].map((queue) => within(CLOSE_TIMEOUT_MS, queue.close()));
    await Promise.allSettled([...closing, within(CLOSE_TIMEOUT_MS, opened.connections.end())]);
  }

  private withCanary(processors: Partial<Processors>): Partial<Processors> {
    const none = Object.keys(processors).length === 0;
    return none ? processors : { ...processors, 'health-checks': async (data) => this.canary.arrived(data) };
  }

  private async openAll(processors: Partial<Processors>): Promise<void> {
    const connections = this.backend.connect((error) => this.note(error));
    const opening: Opened = { connections, queues: new Map(), workers: new Map() };
    try {
      // Together: each takes several round trips, and one after another they would keep the first job waiting for all of them.
      await Promise.all(QUEUE_NAMES.map((name) => this.openQueue(opening, name)));
      // Jobs may enqueue, so the queues are there before the first worker.
      this.opened = opening;
      await Promise.all(
        QUEUE_NAMES.map(async (name) => {
          if (processors[name]) await this.openWorker(opening, name, processors[name]);
        }),
      );
    } catch (error) {
      await this.close(opening);
      throw error;
    }
  }

  private async openQueue({ connections, queues }: Opened, name: QueueName): Promise<void> {
    const { connection, factory } = connections;
    const queue = new HostedQueue(name, { connection, defaultJobOptions: QUEUES[name].jobs }, factory);
    queue.on('error', (error) => this.note(error));
    queues.set(name, queue);
    await within(READY_TIMEOUT_MS, queue.waitUntilReady());
  }

  private async openWorker(
    { connections, workers }: Opened,
    name: QueueName,
    process: Processors[QueueName],
  ): Promise<void> {
    const worker = new HostedWorker({
      queue: name,
      connections,
      concurrency: QUEUES[name].concurrency(this.config),
      process: (job) => inJobSpan(this.tracing, name, job, () => this.failures.attempt(name, job, process)),
      onTrouble: (error) => this.note(error),
      metrics: this.metrics,
    });
    workers.set(name, worker);
    await worker.start();
  }

  private note(error: unknown): void {
    this.trouble ??= error;
  }
}
