export { Database } from './database';
export { PostgresFailureRecordStore } from './failure-record.store';
export { EmbeddedPostgres } from './embedded';
export { migrate, schemaDifference } from './migrate';
export { GroupCommit, type Outcome } from './group-commit';
export { NotificationSink, type OwedNotification } from './notification-sink';
export { PersistenceLifecycle } from './persistence-lifecycle.service';
export { PersistenceModule } from './persistence.module';
export type { Sql, Transaction } from './sql';
