import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { TasksModule } from '../tasks';
import { BullRunQueue } from './bull-run-queue';
import { BullTaskQueue } from './bull-task-queue';
import { JobFailures } from './job-failures';
import { JobProcessors } from './job-processors.service';
import { QueueHost } from './queue-host';
import { QueueMetrics } from './queue-metrics';
import { QueuesIndicator } from './queues.indicator';
import { QueuesLifecycle } from './queues-lifecycle.service';
import { RunProcessor } from './run.processor';
import { TaskProcessor } from './task.processor';

/** BullMQ behind contracts: who enqueues sees `RunQueue`, who works is a feature behind a thin processor. */
@Module({
  imports: [AgentsModule, TasksModule],
  providers: [
    BullRunQueue,
    BullTaskQueue,
    JobFailures,
    JobProcessors,
    QueueHost,
    QueueMetrics,
    QueuesIndicator,
    QueuesLifecycle,
    RunProcessor,
    TaskProcessor,
  ],
  exports: [BullRunQueue, BullTaskQueue, QueueHost, QueuesLifecycle],
})
export class QueuesModule {}
