import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { BackgroundTask } from '../errors';
import { Database } from '../persistence';
import { DueStore } from './due.store';
import { RecoveryMetrics } from './recovery-metrics';
import { RecoveryQueue, type RecoveryQueueName, type RoundJob } from './recovery-queue';
import { RecoveryStore } from './recovery.store';

const LONGEST_PAUSE_MS = 10_000;
const PAGE = 200;
const MAX_PAGES = 50;
const QUEUES: readonly RecoveryQueueName[] = ['message-recovery', 'fallback-delivery'];

/** Finds in the database what is to be done, whatever became of jobs and processes. Any number of processes may do it at once. */
@Injectable()
export class RecoverySweep extends BackgroundTask {
  override readonly name = 'recovery.sweep';
  override readonly schedule;

  constructor(
    private readonly store: RecoveryStore,
    private readonly due: DueStore,
    private readonly queue: RecoveryQueue,
    private readonly database: Database,
    private readonly metrics: RecoveryMetrics,
    private readonly config: AppConfig,
  ) {
    super();
    const everyMs = Math.min(config.recovery.firstMs / 3, LONGEST_PAUSE_MS);
    this.schedule = { everyMs, scope: 'process' } as const;
  }

  /** One sweep, bounded; while the database or the queues are away there is nothing that it could do. */
  override async run(signal: AbortSignal): Promise<void> {
    if (!this.database.ready || !this.queue.open) return;
    const { firstMs } = this.config.recovery;
    // Longer than a round may take, or its job would count as lost while it is at it.
    const graceMs = firstMs + 2 * this.config.outbound.timeoutMs;
    await inPages(signal, async () => {
      const { looked, jobs } = await this.store.begin(firstMs, PAGE);
      await this.enqueue('message-recovery', jobs);
      return looked;
    });
    for (const queue of QUEUES) {
      await inPages(signal, async () => this.enqueue(queue, await this.due.overdue(queue, graceMs, PAGE)));
    }
    await inPages(signal, () => this.due.forget(this.config.mailbox.retentionDays, PAGE));
    this.metrics.waiting.set(await this.due.waiting());
  }

  private async enqueue(queue: RecoveryQueueName, jobs: readonly RoundJob[]): Promise<number> {
    if (jobs.length > 0) await this.queue.schedule(queue, jobs);
    return jobs.length;
  }
}

/** Again and again while there are full pages, up to a limit: the rest is for the next sweep. */
async function inPages(signal: AbortSignal, work: () => Promise<number>): Promise<void> {
  for (let pages = 0, found = PAGE; found === PAGE && pages < MAX_PAGES && !signal.aborted; pages += 1) {
    found = await work();
  }
}
