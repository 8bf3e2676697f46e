import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { BullRunQueue } from './bull-run-queue';
import { JobFailures } from './job-failures';
import { QueueHost } from './queue-host';
import { QueueMetrics } from './queue-metrics';
import { QueuesIndicator } from './queues.indicator';
import { QueuesLifecycle } from './queues-lifecycle.service';
import { RunProcessor } from './run.processor';

/** BullMQ behind contracts: who enqueues sees `RunQueue`, who works is a feature behind a thin processor. */
@Module({
  imports: [AgentsModule],
  providers: [BullRunQueue, JobFailures, QueueHost, QueueMetrics, QueuesIndicator, QueuesLifecycle, RunProcessor],
  exports: [BullRunQueue, QueueHost, QueuesLifecycle],
})
export class QueuesModule {}
