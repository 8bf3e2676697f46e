import { Injectable } from '@nestjs/common';
import type { ErrorBody } from '@clarion/protocol';
import { NotificationSink, type OwedNotification, type Transaction } from '../persistence';
import { MailboxStore } from './mailbox.store';
import type { NewEvent } from './new-event';

/** Puts the failure that a user has to hear of into the mailbox, in the transaction that stores its record. */
@Injectable()
export class MailboxNotifications extends NotificationSink {
  constructor(private readonly mailbox: MailboxStore) {
    super();
  }

  override async notify(tx: Transaction, owed: readonly OwedNotification[]): Promise<void> {
    const told = owed.map(({ user_id, error }) => ({ user_id, events: [notificationOf(error)] }));
    await this.mailbox.appendAll(tx, told);
  }
}

function notificationOf(error: ErrorBody): NewEvent {
  const data = { user_notification: error.user_notification, error };
  return { type: 'notification', data, thread_id: error.thread_id, run_id: error.run_id };
}
