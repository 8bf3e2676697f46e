import { type DynamicModule, Global, Injectable, Module } from '@nestjs/common';
import { AdminModule, type BoardQueue, QueueDirectory } from './admin';
import { AgentsModule, HealthSummary, RunQueue, SupportCodeLookup, type SupportCodeStory } from './agents';
import { AlertsModule, ComponentHealth, DeliveryQueue } from './alerts';
import { AuthModule } from './auth';
import { type AppConfig, ConfigModule } from './config';
import { ErrorsHttpModule, ErrorsModule, FailureLookup, FailureRecordStore } from './errors';
import { GatewayModule, HealthSnapshot } from './gateway';
import { HealthModule, HealthReport } from './health';
import { MailboxModule, MailboxNotifications } from './mailbox';
import { OutboundModule } from './outbound';
import { NotificationSink, PersistenceModule, PostgresFailureRecordStore } from './persistence';
import { BullDeliveryQueue, BullRecoveryQueue, BullRunQueue, BullTaskQueue, QueueHost, QueuesModule } from './queues';
import { RecoveryModule, RecoveryQueue } from './recovery';
import { RedisModule } from './redis';
import { TaskQueue, TasksModule } from './tasks';
import { type Logger, TelemetryModule } from './telemetry';

/** A user's own failures, for the guide. */
@Injectable()
class OwnFailures extends SupportCodeLookup {
  constructor(private readonly failures: FailureLookup) {
    super();
  }

  override async find(code: string, userId: string): Promise<SupportCodeStory | null> {
    const record = await this.failures.find(code);
    if (record === null || record.user_id !== userId) return null;
    return { reason: record.reason, timestamp: record.occurred_at, operation: record.operation };
  }
}

/** The queues as Bull Board shows them. */
@Injectable()
class HostedQueues extends QueueDirectory {
  constructor(private readonly host: QueueHost) {
    super();
  }

  override all(): readonly BoardQueue[] {
    // Bull Board's types know BullMQ on Redis alone; what it calls is the same on PostgreSQL.
    return this.host.all() as unknown as readonly BoardQueue[];
  }
}

/** Binds the contracts that lower rooms own to the upper rooms that implement them. */
@Global()
@Module({
  imports: [QueuesModule, HealthModule],
  providers: [
    { provide: FailureRecordStore, useExisting: PostgresFailureRecordStore },
    { provide: NotificationSink, useExisting: MailboxNotifications },
    { provide: RecoveryQueue, useExisting: BullRecoveryQueue },
    { provide: RunQueue, useExisting: BullRunQueue },
    { provide: TaskQueue, useExisting: BullTaskQueue },
    { provide: DeliveryQueue, useExisting: BullDeliveryQueue },
    { provide: ComponentHealth, useExisting: HealthReport },
    { provide: HealthSnapshot, useExisting: HealthReport },
    { provide: HealthSummary, useExisting: HealthReport },
    { provide: SupportCodeLookup, useClass: OwnFailures },
    { provide: QueueDirectory, useClass: HostedQueues },
  ],
  exports: [
    FailureRecordStore,
    NotificationSink,
    RecoveryQueue,
    RunQueue,
    TaskQueue,
    DeliveryQueue,
    ComponentHealth,
    HealthSnapshot,
    HealthSummary,
    SupportCodeLookup,
    QueueDirectory,
  ],
})
class WiringModule {}

/** Clarion, wired. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        TelemetryModule.forRoot(logger),
        ErrorsModule,
        OutboundModule,
        PersistenceModule,
        RedisModule,
        MailboxModule,
        AuthModule.forRoot(config),
        AgentsModule,
        RecoveryModule,
        TasksModule,
        AlertsModule,
        QueuesModule,
        GatewayModule,
        HealthModule,
        AdminModule,
        ErrorsHttpModule,
        WiringModule,
      ],
    };
  }
}
