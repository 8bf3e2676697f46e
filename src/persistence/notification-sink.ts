import type { ErrorBody } from '@clarion/protocol';
import type { Transaction } from './sql';

/** A failure that a user has to hear of. */
export interface OwedNotification {
  readonly user_id: string;
  readonly error: ErrorBody;
}

/** Puts failures that concern users, but that no answer carries, before those users. Implemented by the mailbox. */
export abstract class NotificationSink {
  /** In the transaction that stores the failures' records: each user hears of each exactly once. */
  abstract notify(tx: Transaction, owed: readonly OwedNotification[]): Promise<void>;
}
