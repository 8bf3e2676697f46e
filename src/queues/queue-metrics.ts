import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry, Repairs } from '../telemetry';
import type { QueueName } from './queue-definitions';

const QUEUE_STATES = ['waiting', 'active', 'delayed', 'failed'] as const;

/** How many jobs of one queue are in each state. */
export type QueueFigures = Readonly<Record<(typeof QUEUE_STATES)[number], number>> & {
  readonly name: string;
  /** How long the next job has waited; undefined where none waits. */
  readonly longest_wait_ms: number | undefined;
};

/** What the queues hold, and what the workers of this process have done. */
@Injectable()
export class QueueMetrics {
  private readonly jobs: Counter<'queue' | 'outcome'>;
  private readonly locks: Counter<'queue'>;
  private readonly restarts: Counter<'queue'>;
  private readonly depth: Gauge<'queue' | 'state'>;
  private readonly oldest: Gauge<'queue'>;

  constructor(
    registry: MetricsRegistry,
    private readonly repairs: Repairs,
  ) {
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
    this.depth = new Gauge({
      name: 'clarion_queue_depth',
      help: 'Jobs of all processes by state: waiting, active, delayed, failed; looked at with each health check.',
      labelNames: ['queue', 'state'],
      registers,
    });
    this.oldest = new Gauge({
      name: 'clarion_queue_oldest_job_age_seconds',
      help: 'How long the next job of a queue has waited; 0 where none waits.',
      labelNames: ['queue'],
      registers,
    });
  }

  /** What the queues hold, of all processes. */
  observe(queues: readonly QueueFigures[]): void {
    for (const { name: queue, longest_wait_ms = 0, ...figures } of queues) {
      for (const state of QUEUE_STATES) this.depth.set({ queue, state }, figures[state]);
      this.oldest.set({ queue }, longest_wait_ms / 1000);
    }
  }

  /** Nothing is known now: old numbers would look like new ones. */
  unknown(): void {
    this.depth.reset();
    this.oldest.reset();
  }

  attempt(queue: QueueName, outcome: 'completed' | 'retried' | 'failed'): void {
    this.jobs.inc({ queue, outcome });
  }

  locksLost(queue: QueueName, jobs: number): void {
    this.locks.inc({ queue }, jobs);
  }

  workerRestarted(queue: QueueName, succeeded: boolean): void {
    this.restarts.inc({ queue });
    this.repairs.attempted('queues', 'restart_worker', succeeded);
  }
}
