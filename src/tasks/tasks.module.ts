import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ClusterTasks } from './cluster-tasks.service';
import { ProcessTasks } from './process-tasks.service';
import { TaskAttempts } from './task-attempts.service';
import { TaskRegistry } from './task-registry';
import { TaskWatch } from './task-watch.service';
import { TaskStore } from './task.store';
import { TasksIndicator } from './tasks.indicator';
import { Tasks } from './tasks.service';

/** Finds the background tasks of all rooms, and runs them. Needs a `TaskQueue`. */
@Module({
  imports: [DiscoveryModule],
  providers: [TaskRegistry, TaskStore, TaskAttempts, ClusterTasks, ProcessTasks, TaskWatch, Tasks, TasksIndicator],
  exports: [ClusterTasks, TaskWatch, Tasks],
})
export class TasksModule {}
