import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { MetricsRegistry } from '../telemetry';
import type { QueueName } from './queue-definitions';

/** What the workers of this process have done. */
@Injectable()
export class QueueMetrics {
  private readonly jobs: Counter<'queue' | 'outcome'>;
  private readonly locks: Counter<'queue'>;
  private readonly restarts: Counter<'queue'>;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.jobs = new Counter({
      name: 'clarion_queue_jobs_total',
      help: 'Attempts at jobs by outcome: completed, retried, failed.',
      labelNames: ['queue', 'outcome'],
      registers,
    });
    this.locks = new Counter({
      name: 'clarion_queue_locks_lost_total',
      help: 'Jobs whose lock was lost while they were worked on.',
      labelNames: ['queue'],
      registers,
    });
    this.restarts = new Counter({
      name: 'clarion_queue_worker_restarts_total',
      help: 'Workers that were found dead or stuck and replaced.',
      labelNames: ['queue'],
      registers,
    });
  }

  attempt(queue: QueueName, outcome: 'completed' | 'retried' | 'failed'): void {
    this.jobs.inc({ queue, outcome });
  }

  locksLost(queue: QueueName, jobs: number): void {
    this.locks.inc({ queue }, jobs);
  }

  workerRestarted(queue: QueueName): void {
    this.restarts.inc({ queue });
  }
}
