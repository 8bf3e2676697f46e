import { Injectable } from '@nestjs/common';
import type { JobType } from 'bullmq';
import { classify, ComponentError } from '../errors';
import { Database } from '../persistence';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import type { HostedQueue } from './bull';
import { oldestWaiting } from './oldest-waiting';
import { QueueBackend } from './queue-backend';
import { QueueHost } from './queue-host';
import { type QueueFigures, QueueMetrics } from './queue-metrics';

const LONG_WAIT_MS = 60_000;

/** On PostgreSQL the waiting jobs of a paused queue have a state of their own, which BullMQ's types leave out. */
const STATES = ['waiting', 'paused', 'prioritized', 'active', 'delayed', 'failed'] as JobType[];

type Figures = QueueFigures & { readonly paused: boolean };

/** So many checks in a row, a job may be late: a moment of load is no failure. */
const LATE_CHECKS = 2;

/** The queues are open and answer, a job that is sent is done, none is paused, and no job waits for minutes. */
@Injectable()
export class QueuesIndicator extends HealthIndicator {
  override readonly component = 'queues';
  private late = 0;
  private flying = false;

  constructor(
    private readonly host: QueueHost,
    private readonly backend: QueueBackend,
    private readonly database: Database,
    private readonly metrics: QueueMetrics,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    this.metrics.unknown();
    if (!this.backend.ready) return this.bad('The queues cannot be reached', '');
    if (!this.host.isOpen) return this.bad('The queues are not open', '; they open when it is up');
    try {
      const figures = await Promise.all(this.host.all().map(figuresOf));
      this.metrics.observe(figures);
      const found = judge(figures);
      return found.status === 'healthy' ? await this.flown(found, signal) : found;
    } catch (cause) {
      return this.bad('The queues do not work', ', and queues.watch in the log', cause);
    }
  }

  override unanswered(): HealthFinding {
    return this.flying ? this.undone() : this.bad('The queues do not answer', '', noAnswer());
  }

  private async flown(found: HealthFinding, signal: AbortSignal): Promise<HealthFinding> {
    const began = performance.now();
    this.flying = true;
    this.late += 1;
    try {
      await this.host.roundTrip(signal);
    } catch (error) {
      if (signal.aborted) return this.undone();
      throw error;
    } finally {
      this.flying = false;
    }
    this.late = 0;
    return { ...found, details: { ...found.details, round_trip_ms: Math.round(performance.now() - began) } };
  }

  private undone(): HealthFinding {
    const status = this.late > LATE_CHECKS ? this.severity : 'degraded';
    const suggestion =
      'see whether this process has processor time; a dead worker is replaced by itself (queues.watch in the log)';
    return { status, problem: 'A job that was sent is not done', suggestion, cause: unavailable() };
  }

  /** Where Redis is away work waits and nothing is refused; without the database nothing goes. */
  private get severity(): 'degraded' | 'failed' {
    return this.backend.kind === 'redis' ? 'degraded' : 'failed';
  }

  private bad(problem: string, hint: string, cause?: unknown): HealthFinding {
    const component = this.backend.kind === 'redis' ? 'redis' : 'database';
    const suggestion = `see the component ${component}${hint}`;
    return { status: this.severity, problem, suggestion, cause: this.causeOf(cause) };
  }

  /** On PostgreSQL it is the database that keeps the queues from working, where it does. */
  private causeOf(cause: unknown): ComponentError {
    if (this.backend.kind === 'redis') return unavailable(cause);
    if (!this.database.ready) return ComponentError.database('DATABASE_UNAVAILABLE', { cause });
    const known = cause === undefined ? null : classify(cause, 'Database');
    return known === null || known.reason === 'DATABASE_QUERY_FAILED' ? unavailable(cause) : known;
  }
}

function judge(queues: readonly Figures[]): HealthFinding {
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

async function figuresOf(queue: HostedQueue): Promise<Figures> {
  const [counts, paused, next] = await Promise.all([
    queue.getJobCounts(...STATES),
    queue.isPaused(),
    oldestWaiting(queue),
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

/** Of queues that are open, and of which no error is known. */
function noAnswer(): DOMException {
  return new DOMException('The queues do not answer', 'TimeoutError');
}

function unavailable(cause?: unknown): ComponentError {
  return ComponentError.redis('QUEUE_UNAVAILABLE', { cause });
}
