import { Injectable } from '@nestjs/common';
import { AuditStore, Database } from '../persistence';
import { ProcessTasks } from './process-tasks.service';
import { TaskQueue } from './task-queue';
import { TaskRegistry } from './task-registry';
import { TaskWatch } from './task-watch.service';
import type { TaskState } from './task.store';

/** Background tasks as admins see them. */
@Injectable()
export class Tasks {
  constructor(
    private readonly registry: TaskRegistry,
    private readonly watch: TaskWatch,
    private readonly local: ProcessTasks,
    private readonly queue: TaskQueue,
    private readonly database: Database,
    private readonly audit: AuditStore,
  ) {}

  /** Every task; of the scope `process` those of the process that answers. @throws ComponentError DATABASE_* */
  async list(): Promise<TaskState[]> {
    const states = [...(await this.watch.states()), ...this.local.states()];
    return states.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Runs a task besides its schedule; while it runs already, nothing more happens. Audited.
   * @returns the id of the job that wakes it; null for a task of this process, which then has run
   * @throws ComponentError BACKGROUND_TASK_UNKNOWN, DATABASE_*, QUEUE_UNAVAILABLE
   */
  async run(name: string, actor: string): Promise<string | null> {
    const { scope, attempts } = this.registry.get(name);
    await this.database.transaction((tx) => this.audit.add(tx, { actor, action: 'task_run', subject: name }));
    if (scope === 'cluster') return this.queue.runOnce(name, attempts);
    await this.local.run(name);
    return null;
  }
}
