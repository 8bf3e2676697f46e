import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Counter } from 'prom-client';
import { ComponentError, FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { MetricsRegistry } from '../telemetry';
import { TaskQueue } from './task-queue';
import { type RegisteredTask, TaskRegistry } from './task-registry';
import { type TaskState, TaskStore } from './task.store';

const EVERY_MS = 5_000;

/** A task of which nothing is known yet. */
const UNSCHEDULED = {
  last_started_at: null,
  last_success_at: null,
  last_failed_at: null,
  next_due_at: null,
  consecutive_failures: 0,
  failing_since: null,
  support_code: null,
  running: false,
  overdue: false,
};

/** What the watch saw last. */
interface Sight {
  readonly at: number;
  readonly states: readonly TaskState[];
}

/** Keeps cluster tasks scheduled, and notices those that do not run when they should. Every process watches. */
@Injectable()
export class TaskWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: PeriodicLoop;
  private readonly restarts: Counter<'task'>;
  private readonly scheduled = new Set<string>();
  private sight: Sight | null = null;

  constructor(
    private readonly registry: TaskRegistry,
    private readonly store: TaskStore,
    private readonly queue: TaskQueue,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
    metrics: MetricsRegistry,
  ) {
    this.loop = new PeriodicLoop({ name: 'tasks.watch', everyMs: EVERY_MS, work: () => this.look(), reporter });
    this.restarts = new Counter({
      name: 'clarion_task_restarts_total',
      help: 'Background tasks that did not run when they should have, and were scheduled anew.',
      labelNames: ['task'],
      registers: [metrics],
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
    this.database.onReady(() => void this.loop.trigger());
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  /** What was seen at the last look, and how long ago that was; null before the first. */
  get lastSight(): { readonly states: readonly TaskState[]; readonly ageMs: number } | null {
    return this.sight && { states: this.sight.states, ageMs: performance.now() - this.sight.at };
  }

  /** To be called when the queues have opened, so that the first run does not wait for the next look. */
  trigger(): Promise<void> {
    return this.loop.trigger();
  }

  /** Schedules what is not scheduled, and anew what is overdue. */
  async look(): Promise<void> {
    if (!this.database.ready || !this.queue.open) return;
    for (const task of this.registry.all('cluster')) if (!this.scheduled.has(task.name)) await this.schedule(task);
    const states = await this.states();
    this.sight = { at: performance.now(), states };
    for (const state of states) if (state.overdue) await this.restart(state);
  }

  /** The cluster tasks that this version knows. */
  async states(): Promise<TaskState[]> {
    const rows = new Map((await this.store.states()).map((row) => [row.name, row]));
    return this.registry.all('cluster').map(({ name, everyMs, scope, attempts }) => {
      const row = rows.get(name) ?? { ...UNSCHEDULED, name, every_ms: everyMs };
      return { ...row, scope, attempts };
    });
  }

  private async schedule({ name, everyMs, attempts }: RegisteredTask): Promise<void> {
    await this.store.register(name, everyMs);
    await this.queue.schedule(name, everyMs, attempts);
    this.scheduled.add(name);
  }

  private async restart({ name, next_due_at }: TaskState): Promise<void> {
    if (!(await this.store.mayReschedule(name))) return;
    this.restarts.inc({ task: name });
    const error = ComponentError.integration('BACKGROUND_TASK_OVERDUE', { details: { task: name, next_due_at } });
    await this.reporter.report(error, { operation: `task.${name}` });
    await this.queue.unschedule(name);
    await this.schedule(this.registry.get(name));
  }
}
