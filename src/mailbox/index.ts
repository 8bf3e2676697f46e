export { withoutContent } from './erased-events';
export { MailboxModule } from './mailbox.module';
export { MailboxNotifications } from './mailbox-notifications';
export { MailboxStore, type MailboxState, type NewEvent } from './mailbox.store';
export { PositionsStore, type ResumePoint } from './positions.store';
export { UserBus, type UserSignal } from './user-bus';
