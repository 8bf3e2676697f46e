import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { TaskQueue } from '../tasks';
import { inTime } from './in-time';
import { QueueHost } from './queue-host';
import { TaskCanary } from './task-canary.service';

const QUEUE = 'background-tasks';
const TIMEOUT_MS = 5_000;

/** Background tasks as job schedulers of the queue `background-tasks`. */
@Injectable()
export class BullTaskQueue extends TaskQueue {
  constructor(
    private readonly host: QueueHost,
    private readonly canary: TaskCanary,
  ) {
    super();
  }

  override get open(): boolean {
    return this.host.isOpen;
  }

  /** To set a scheduler again begins its period anew: a process that is started often would keep a task from ever running. */
  override async schedule(task: string, everyMs: number, attempts: number): Promise<void> {
    await inTime(QUEUE, TIMEOUT_MS, async () => {
      const found = await this.queue.getJobScheduler(task);
      if (found?.every === everyMs && found.template?.opts?.attempts === attempts) return;
      const template = { name: task, data: { task }, opts: { ...this.queue.defaultJobOptions, attempts } };
      await this.queue.upsertJobScheduler(task, { every: everyMs }, template);
    });
  }

  override async unschedule(task: string): Promise<void> {
    await inTime(QUEUE, TIMEOUT_MS, () => this.queue.removeJobScheduler(task));
  }

  override async runOnce(task: string, attempts: number): Promise<string> {
    const jobId = `${task}-${randomUUID()}`;
    await inTime(QUEUE, TIMEOUT_MS, () => this.queue.add(task, { task }, { jobId, attempts }));
    return jobId;
  }

  override roundTrip(signal: AbortSignal): Promise<void> {
    return inTime(QUEUE, TIMEOUT_MS, () => this.host.taskRoundTrip(this.canary, signal));
  }

  private get queue() {
    return this.host.queue(QUEUE);
  }
}
