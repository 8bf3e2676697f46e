export { BullRecoveryQueue } from './bull-recovery-queue';
export { BullRunQueue } from './bull-run-queue';
export { BullDeliveryQueue } from './bull-delivery-queue';
export { BullTaskQueue } from './bull-task-queue';
export { migrateQueues } from './postgres-queues';
export { QueueHost } from './queue-host';
export { QueuesLifecycle } from './queues-lifecycle.service';
export { QueuesModule } from './queues.module';
