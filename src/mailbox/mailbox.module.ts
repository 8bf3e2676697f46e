import { Global, Module } from '@nestjs/common';
import { FailureReporter } from '../errors';
import { RedisConnections } from '../redis';
import { Repairs } from '../telemetry';
import { LogReader } from './log-reader.service';
import { EpochsStore } from './epochs.store';
import { InProcessBus } from './in-process-bus';
import { MailboxCanary } from './mailbox-canary.service';
import { MailboxEpochs } from './mailbox-epochs.task';
import { MailboxNotifications } from './mailbox-notifications';
import { MailboxRetention } from './mailbox-retention.task';
import { MailboxStore } from './mailbox.store';
import { PositionsStore } from './positions.store';
import { RedisBus } from './redis-bus';
import { RetentionStore } from './retention.store';
import { UserBus } from './user-bus';

/** The durable event log of every user, and the live channel beside it. */
@Global()
@Module({
  providers: [
    MailboxStore,
    MailboxCanary,
    LogReader,
    PositionsStore,
    MailboxNotifications,
    RetentionStore,
    EpochsStore,
    MailboxEpochs,
    MailboxRetention,
    {
      provide: UserBus,
      useFactory: (redis: RedisConnections, reporter: FailureReporter, repairs: Repairs): UserBus => {
        const local = new InProcessBus(reporter);
        const onRejoin = (succeeded: boolean): void => repairs.attempted('bridge', 'resubscribe', succeeded);
        return redis.configured ? new RedisBus(local, redis, reporter, { onRejoin }) : local;
      },
      inject: [RedisConnections, FailureReporter, Repairs],
    },
  ],
  exports: [LogReader, MailboxCanary, MailboxStore, PositionsStore, MailboxNotifications, UserBus],
})
export class MailboxModule {}
