export { LogReader } from './log-reader.service';
export { withoutContent } from './erased-events';
export { CANARY_USER, MailboxCanary } from './mailbox-canary.service';
export { MailboxModule } from './mailbox.module';
export { MailboxNotifications } from './mailbox-notifications';
export { MailboxStore, type MailboxState, type UserEvents } from './mailbox.store';
export type { NewEvent } from './new-event';
export { PositionsStore, type Reader, type ResumePoint } from './positions.store';
export { UserBus, type UserSignal, type UserSubscription } from './user-bus';
