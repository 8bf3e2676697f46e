import type { ErrorBody } from '@clarion/protocol';
import type { Transaction } from './sql';

/** Puts a failure that concerns a user, but that no answer carries, before that user. Implemented by the mailbox. */
export abstract class NotificationSink {
  /** In the transaction that stores the failure's record: the user hears of it exactly once. */
  abstract notify(tx: Transaction, userId: string, error: ErrorBody): Promise<void>;
}
