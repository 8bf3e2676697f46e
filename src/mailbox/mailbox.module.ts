import { Global, Module } from '@nestjs/common';
import { InProcessBus } from './in-process-bus';
import { MailboxNotifications } from './mailbox-notifications';
import { MailboxStore } from './mailbox.store';
import { PositionsStore } from './positions.store';
import { UserBus } from './user-bus';

/** The durable event log of every user, and the live channel beside it. */
@Global()
@Module({
  providers: [MailboxStore, PositionsStore, MailboxNotifications, { provide: UserBus, useClass: InProcessBus }],
  exports: [MailboxStore, PositionsStore, MailboxNotifications, UserBus],
})
export class MailboxModule {}
