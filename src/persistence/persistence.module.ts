import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config';
import { AuditStore } from './audit.store';
import { Database } from './database';
import { DatabaseIndicator } from './database.indicator';
import { PersistenceLifecycle } from './persistence-lifecycle.service';
import { PostgresFailureRecordStore } from './failure-record.store';

/** The connection to PostgreSQL, and what brings it up. */
@Global()
@Module({
  providers: [
    AuditStore,
    {
      provide: Database,
      useFactory: ({ persistence, redis }: AppConfig) =>
        new Database({ ...persistence, shared: redis.url !== undefined }),
      inject: [AppConfig],
    },
    DatabaseIndicator,
    PersistenceLifecycle,
    PostgresFailureRecordStore,
  ],
  exports: [AuditStore, Database, PersistenceLifecycle, PostgresFailureRecordStore],
})
export class PersistenceModule {}
