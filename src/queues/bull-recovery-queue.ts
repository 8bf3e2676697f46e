import { Injectable } from '@nestjs/common';
import { RecoveryQueue, type RecoveryQueueName, type RoundJob } from '../recovery';
import { inTime } from './in-time';
import { QueueBackend } from './queue-backend';
import { QueueHost } from './queue-host';

const ENQUEUE_TIMEOUT_MS = 5_000;

/** Rounds of recoveries and of digests as delayed jobs. */
@Injectable()
export class BullRecoveryQueue extends RecoveryQueue {
  constructor(
    private readonly host: QueueHost,
    private readonly backend: QueueBackend,
  ) {
    super();
  }

  override get open(): boolean {
    return this.host.isOpen && this.backend.ready;
  }

  /** @throws ComponentError QUEUE_UNAVAILABLE, within 5 s */
  override async schedule(queue: RecoveryQueueName, jobs: readonly RoundJob[]): Promise<void> {
    const added = jobs.map(({ id, round, dispatch, delay_ms }) => ({
      name: queue,
      data: { id, round },
      opts: { jobId: `${id}-${dispatch}`, delay: Math.round(delay_ms) },
    }));
    await inTime(queue, ENQUEUE_TIMEOUT_MS, () => this.host.queue(queue).addBulk(added));
  }
}
