import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { HostedQueue } from './bull';
import type { JobData } from './queue-definitions';

const LOOK_AGAIN_MS = 50;

/** Sends a job the way of every job. */
@Injectable()
export class QueueCanary {
  /** Always the same: of one that nobody does there is never a second, however long that lasts. */
  readonly id = `health-check-${uuidv7()}`;
  private done: (() => void) | null = null;

  /** The processor of the queue `health-checks`. */
  arrived({ id }: JobData<'health-checks'>): void {
    if (id === this.id) this.done?.();
  }

  /** Resolves when the job is in the queue. */
  async send(queue: HostedQueue): Promise<void> {
    const opts = { jobId: this.id, removeOnComplete: true, removeOnFail: true };
    await queue.add('health-check', this.dataOf(this.id), opts);
  }

  protected dataOf(id: string): object {
    return { id };
  }

  /** Resolves when a worker of any process has done a job that is sent now; rejects when `signal` says so. */
  async fly(queue: HostedQueue, signal: AbortSignal): Promise<void> {
    const { id } = this;
    const done = new Promise<true>((resolve) => (this.done = () => resolve(true)));
    await this.send(queue);
    while ((await Promise.race([done, delay(LOOK_AGAIN_MS)])) !== true) {
      // Done by another process, it is not there any more.
      if ((await queue.getJob(id)) === undefined) return;
      signal.throwIfAborted();
    }
  }
}
