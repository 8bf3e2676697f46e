import { Injectable } from '@nestjs/common';
import { RunQueue, type RunWakeUp } from '../agents';
import { inTime } from './in-time';
import { QueueBackend } from './queue-backend';
import { QueueHost } from './queue-host';

const ENQUEUE_TIMEOUT_MS = 1_500;
const LOOKUP_TIMEOUT_MS = 5_000;

/** States of a job that somebody will take. One that was taken and has not led to a lease may be a dead worker's. */
const PENDING: ReadonlySet<string> = new Set(['waiting', 'prioritized', 'delayed', 'waiting-children']);

/** Wake-ups as jobs of the queue `agent-runs`. */
@Injectable()
export class BullRunQueue extends RunQueue {
  constructor(
    private readonly host: QueueHost,
    private readonly backend: QueueBackend,
  ) {
    super();
  }

  override get open(): boolean {
    return this.host.isOpen || !this.backend.ready;
  }

  /** @throws ComponentError QUEUE_UNAVAILABLE, within 1.5 s */
  override async enqueue(wakeUps: readonly RunWakeUp[]): Promise<void> {
    const jobs = wakeUps.map((wakeUp) => ({
      name: 'run',
      data: { run_id: wakeUp.run_id, dispatch: wakeUp.dispatch, traceparent: wakeUp.traceparent },
      opts: { jobId: jobId(wakeUp) },
    }));
    await inTime('agent-runs', ENQUEUE_TIMEOUT_MS, () => this.host.queue('agent-runs').addBulk(jobs));
  }

  /** @throws ComponentError QUEUE_UNAVAILABLE, within 5 s */
  override async pending(wakeUps: readonly RunWakeUp[]): Promise<ReadonlySet<string>> {
    const queue = this.host.queue('agent-runs');
    const found = await inTime('agent-runs', LOOKUP_TIMEOUT_MS, () =>
      Promise.all(wakeUps.map((wakeUp) => queue.getJobState(jobId(wakeUp)))),
    );
    return new Set(wakeUps.filter((_, index) => PENDING.has(found[index] ?? 'unknown')).map(({ run_id }) => run_id));
  }
}

function jobId({ run_id, dispatch }: RunWakeUp): string {
  return `${run_id}-${dispatch}`;
}
