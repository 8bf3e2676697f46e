import { Global, Module } from '@nestjs/common';
import { InProcessBus } from './in-process-bus';
import { MailboxNotifications } from './mailbox-notifications';
import { MailboxRetention } from './mailbox-retention.service';
import { MailboxStore } from './mailbox.store';
import { PositionsStore } from './positions.store';
import { RetentionStore } from './retention.store';
import { UserBus } from './user-bus';

/** The durable event log of every user, and the live channel beside it. */
@Global()
@Module({
  providers: [
    MailboxStore,
    PositionsStore,
    MailboxNotifications,
    RetentionStore,
    MailboxRetention,
    { provide: UserBus, useClass: InProcessBus },
  ],
  exports: [MailboxStore, PositionsStore, MailboxNotifications, UserBus],
})
export class MailboxModule {}
