export { ClusterTasks, type TaskJob, type TaskJobOutcome } from './cluster-tasks.service';
export { TaskQueue } from './task-queue';
export { TaskWatch } from './task-watch.service';
export type { TaskState } from './task.store';
export { Tasks } from './tasks.service';
export { TasksModule } from './tasks.module';
