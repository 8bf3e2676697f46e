import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { Database } from '../persistence';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import { ProcessTasks } from './process-tasks.service';
import { TaskQueue } from './task-queue';
import { TaskWatch } from './task-watch.service';
import type { TaskState } from './task.store';

const WATCH_DEAD_MS = 30_000;
/** No task is late yet: a start, and most outages, take less, and have components of their own. */
const MAY_WAIT_MS = 30_000;
/** So many checks in a row, a task may be late: a moment of load is no failure. */
const LATE_CHECKS = 2;

/** Every background task runs when it should, and succeeds; one that does nothing is done when it is woken. */
@Injectable()
export class TasksIndicator extends HealthIndicator {
  override readonly component = 'tasks';
  private waitingSince: number | null = null;
  private late = 0;
  private flying = false;

  constructor(
    private readonly watch: TaskWatch,
    private readonly local: ProcessTasks,
    private readonly queue: TaskQueue,
    private readonly database: Database,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    const sight = this.watch.lastSight;
    const states = [...(sight?.states ?? []), ...this.local.states()];
    const details = { tasks: states.length, running: states.filter(({ running }) => running).length };
    if (!this.database.ready || !this.queue.open || sight === null) return this.waiting(details);
    const found = sight.ageMs > WATCH_DEAD_MS ? unwatched(details) : judge(states, details);
    if (found.status === 'healthy') return this.flown(details, signal);
    this.waitingSince = null;
    return found;
  }

  override unanswered(): HealthFinding | null {
    return this.flying ? this.undone({}) : null;
  }

  private async flown(details: Details, signal: AbortSignal): Promise<HealthFinding> {
    const began = performance.now();
    this.flying = true;
    this.late += 1;
    try {
      await this.queue.roundTrip(signal);
    } catch (error) {
      if (signal.aborted) return this.undone(details);
      // The queue is away: a task that is late because of it is seen by its own times.
      if (error instanceof ComponentError && error.reason === 'QUEUE_UNAVAILABLE') return this.waiting(details);
      throw error;
    } finally {
      this.flying = false;
    }
    this.late = 0;
    this.waitingSince = null;
    return { status: 'healthy', details: { ...details, round_trip_ms: Math.round(performance.now() - began) } };
  }

  private undone(details: Details): HealthFinding {
    if (this.late <= LATE_CHECKS) return { status: 'healthy', details };
    const cause = ComponentError.integration('BACKGROUND_TASK_OVERDUE', { details });
    const suggestion = 'see whether background-tasks is paused at /admin/queues; a dead worker is replaced by itself';
    return { status: 'degraded', details, problem: 'A background task that was woken is not done', suggestion, cause };
  }

  private waiting(details: Details): HealthFinding {
    this.waitingSince ??= performance.now();
    if (performance.now() - this.waitingSince < MAY_WAIT_MS) return { status: 'healthy', details };
    const problem = 'Background tasks wait for the database and the queues';
    const suggestion = 'see the components database and queues';
    const cause = ComponentError.integration('BACKGROUND_TASK_OVERDUE', { details });
    return { status: 'degraded', details, problem, suggestion, cause };
  }
}

type Details = Record<string, unknown>;

function judge(states: readonly TaskState[], details: Details): HealthFinding {
  const overdue = states.filter((state) => state.overdue).map(({ name }) => name);
  const failing = states.filter(({ failing_since: since }) => since !== null);
  if (overdue.length > 0) {
    const problem = `Overdue: ${overdue.join(', ')}`;
    const suggestion = 'they are scheduled anew; if it stays, see whether background-tasks is paused at /admin/queues';
    const cause = ComponentError.integration('BACKGROUND_TASK_OVERDUE', { details: { task: overdue[0] } });
    return { status: overdue.length === states.length ? 'failed' : 'degraded', details, problem, suggestion, cause };
  }
  const [first] = failing;
  if (first === undefined) return { status: 'healthy', details };
  const problem = `Failing: ${failing.map(({ name }) => name).join(', ')}`;
  const suggestion = `look up ${first.support_code ?? 'the failure'}; retry it at /admin/queues after a correction`;
  const cause = ComponentError.integration('BACKGROUND_TASK_FAILED', { details: { task: first.name } });
  return { status: 'degraded', details, problem, suggestion, cause };
}

function unwatched(details: Details): HealthFinding {
  const cause = ComponentError.integration('BACKGROUND_TASK_OVERDUE', { details });
  const suggestion = 'see tasks.watch in the log';
  return { status: 'failed', details, problem: 'Nobody looks after the background tasks', suggestion, cause };
}
