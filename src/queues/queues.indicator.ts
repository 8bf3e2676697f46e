import { Injectable } from '@nestjs/common';
import type { JobType } from 'bullmq';
import { ComponentError } from '../errors';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import type { HostedQueue } from './bull';
import { QueueBackend } from './queue-backend';
import { QueueHost } from './queue-host';

const DEGRADED_BY_REDIS = ['degraded', 'redis'] as const;
const FAILED_BY_DATABASE = ['failed', 'database'] as const;
const LONG_WAIT_MS = 60_000;

/** On PostgreSQL the waiting jobs of a paused queue have a state of their own, which BullMQ's types leave out. */
const STATES = ['waiting', 'paused', 'prioritized', 'active', 'delayed', 'failed'] as JobType[];

interface QueueFigures {
  readonly name: string;
  readonly paused: boolean;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
  /** How long the next job has waited; undefined where none waits. */
  readonly longest_wait_ms: number | undefined;
}

/** The queues are open and answer, none is paused, and no job waits for minutes. */
@Injectable()
export class QueuesIndicator extends HealthIndicator {
  override readonly component = 'queues';

  constructor(
    private readonly host: QueueHost,
    private readonly backend: QueueBackend,
  ) {
    super();
  }

  override async check(): Promise<HealthFinding> {
    if (!this.backend.ready) return this.bad('The queues cannot be reached', '');
    if (!this.host.isOpen) return this.bad('The queues are not open', '; they open when it is up');
    try {
      return judge(await Promise.all(this.host.all().map(figuresOf)));
    } catch (cause) {
      return this.bad('The queues do not work', ', and queues.watch in the log', cause);
    }
  }

  override unanswered(): HealthFinding {
    return this.bad('The queues do not answer', '');
  }

  /** Where Redis is away work waits and nothing is refused; without the database nothing goes. */
  private bad(problem: string, hint: string, cause?: unknown): HealthFinding {
    const [status, component] = this.backend.kind === 'redis' ? DEGRADED_BY_REDIS : FAILED_BY_DATABASE;
    return { status, problem, suggestion: `see the component ${component}${hint}`, cause: unavailable(cause) };
  }
}

function judge(queues: readonly QueueFigures[]): HealthFinding {
  const details = Object.fromEntries(queues.map(({ name, ...figures }) => [name, figures]));
  const paused = queues.find((queue) => queue.paused);
  if (paused) {
    const problem = `The queue ${paused.name} is paused`;
    return { status: 'degraded', details, problem, suggestion: 'resume it at /admin/queues', cause: unavailable() };
  }
  const slow = queues.find(({ longest_wait_ms: wait = 0 }) => wait > LONG_WAIT_MS);
  if (slow) {
    const problem = `Jobs of ${slow.name} wait for more than ${LONG_WAIT_MS / 1000} s`;
    const suggestion = 'raise WORKER_CONCURRENCY, or find out what keeps the runs';
    return { status: 'degraded', details, problem, suggestion, cause: unavailable() };
  }
  return { status: 'healthy', details };
}

async function figuresOf(queue: HostedQueue): Promise<QueueFigures> {
  const [counts, paused, [next]] = await Promise.all([
    queue.getJobCounts(...STATES),
    queue.isPaused(),
    queue.getJobs(['waiting'], 0, 0, true),
  ]);
  const count = (...states: string[]): number => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const longest = next === undefined ? undefined : Math.max(0, Date.now() - next.timestamp - next.delay);
  return {
    name: queue.name,
    paused,
    waiting: count('waiting', 'paused', 'prioritized'),
    active: count('active'),
    delayed: count('delayed'),
    failed: count('failed'),
    longest_wait_ms: longest,
  };
}

function unavailable(cause?: unknown): ComponentError {
  return ComponentError.redis('QUEUE_UNAVAILABLE', { cause });
}
