import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { AlertsModule } from '../alerts';
import { RecoveryModule } from '../recovery';
import { TasksModule } from '../tasks';
import { AppConfig } from '../config';
import { PersistenceLifecycle } from '../persistence';
import { RedisConnections } from '../redis';
import { BullDeliveryQueue } from './bull-delivery-queue';
import { BullRecoveryQueue } from './bull-recovery-queue';
import { BullRunQueue } from './bull-run-queue';
import { BullTaskQueue } from './bull-task-queue';
import { DeliveryProcessor } from './delivery.processor';
import { JobFailures } from './job-failures';
import { JobProcessors } from './job-processors.service';
import { PostgresQueues } from './postgres-queues';
import { QueueBackend } from './queue-backend';
import { QueueCanary } from './queue-canary.service';
import { QueueHost } from './queue-host';
import { QueueMetrics } from './queue-metrics';
import { QueuesIndicator } from './queues.indicator';
import { QueuesLifecycle } from './queues-lifecycle.service';
import { RedisQueues } from './redis-queues';
import { RecoveryProcessor } from './recovery.processor';
import { RunProcessor } from './run.processor';
import { TaskCanary } from './task-canary.service';
import { TaskProcessor } from './task.processor';

/** The backend that BullMQ runs on is chosen here and nowhere else: Redis where it is configured, else PostgreSQL. */
function chooseBackend(config: AppConfig, persistence: PersistenceLifecycle, redis: RedisConnections): QueueBackend {
  if (redis.configured) return new RedisQueues(redis);
  return new PostgresQueues({ url: () => persistence.connectionUrl, migrate: config.persistence.migrateOnStart });
}

/** BullMQ behind contracts: who enqueues sees `RunQueue`, who works is a feature behind a thin processor. */
@Module({
  imports: [AgentsModule, AlertsModule, RecoveryModule, TasksModule],
  providers: [
    { provide: QueueBackend, useFactory: chooseBackend, inject: [AppConfig, PersistenceLifecycle, RedisConnections] },
    BullDeliveryQueue,
    BullRecoveryQueue,
    BullRunQueue,
    BullTaskQueue,
    DeliveryProcessor,
    JobFailures,
    JobProcessors,
    QueueCanary,
    QueueHost,
    QueueMetrics,
    QueuesIndicator,
    QueuesLifecycle,
    RecoveryProcessor,
    RunProcessor,
    TaskCanary,
    TaskProcessor,
  ],
  exports: [BullDeliveryQueue, BullRecoveryQueue, BullRunQueue, BullTaskQueue, QueueHost, QueuesLifecycle],
})
export class QueuesModule {}
