import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { AppConfig } from '../config';
import { FailureReporter } from '../errors';
import { RedisConnections } from '../redis';
import { ActiveRuns } from './active-runs';
import type { Run } from './run';
import { Workers } from './workers.service';

/** The lease that has ended. */
type Ended = Pick<Run, 'id' | 'fence'>;

/**
 * Tells the process that advances a run that the run has ended elsewhere, so that its agent, tool or provider is stopped at once: here from
 * hand to hand, on another node by the channel of its worker. A word that is lost costs the second in which the reconciler compares.
 */
@Injectable()
export class RunStops implements OnModuleInit {
  constructor(
    private readonly active: ActiveRuns,
    private readonly workers: Workers,
    private readonly redis: RedisConnections,
    private readonly config: AppConfig,
    private readonly reporter: FailureReporter,
  ) {}

  /** Listens for what other processes end. */
  onModuleInit(): void {
    if (!this.redis.configured || !this.config.server.runsJobs) return;
    const subscriber = this.redis.connect('run-stops', { autoResubscribe: false });
    subscriber.on('smessage', (_channel: string, message: string) => this.receive(message));
    subscriber.on('ready', () => void this.listen(subscriber));
  }

  /** After the commit that has ended a run; the row as it was before. Never throws. */
  tell({ id, fence, worker_id }: Run): void {
    this.active.stop(id, 'ended_elsewhere', fence);
    if (worker_id === null || worker_id === this.workers.id || !this.redis.ready) return;
    void this.send(worker_id, { id, fence });
  }

  private async send(workerId: string, ended: Ended): Promise<void> {
    try {
      await this.redis.command((redis) => redis.spublish(channelOf(redis, workerId), JSON.stringify(ended)));
    } catch (error) {
      await this.reporter.report(error, { operation: 'run.stop', run_id: ended.id });
    }
  }

  private async listen(subscriber: Redis): Promise<void> {
    const [joined] = await Promise.allSettled([subscriber.ssubscribe(channelOf(subscriber, this.workers.id))]);
    // One whose connection broke tries again with the next.
    if (joined.status === 'fulfilled' || subscriber.status !== 'ready') return;
    await this.reporter.report(joined.reason, { operation: 'run.stops', component: 'Redis' });
  }

  private receive(message: string): void {
    try {
      const { id, fence } = JSON.parse(message) as Ended;
      this.active.stop(id, 'ended_elsewhere', fence);
    } catch (error) {
      void this.reporter.report(error, { operation: 'run.stop' });
    }
  }
}

/** The databases of one server share their channels. */
function channelOf({ options }: Redis, workerId: string): string {
  return `clarion:${options.db ?? 0}:worker:${workerId}`;
}
