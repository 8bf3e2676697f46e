export { AuditEntity } from './audit.entity';
export { BackgroundTaskEntity } from './background-task.entity';
export { MessageEntity, ThreadEntity } from './conversation.entities';
export { DatabaseIdentityEntity } from './database-identity.entity';
export { FailureRecordEntity } from './failure-record.entity';
export { MailboxEntity, MailboxEventEntity, MailboxPositionEntity } from './mailbox.entities';
export { RunEntity, RunStepEntity, RunTextEntity, WorkerEntity } from './run.entities';
export { RevocationEntity } from './revocation.entity';
export { FailureStatisticEntity, HealthSampleEntity } from './statistics.entities';
