import { Injectable } from '@nestjs/common';
import type { ErrorBody } from '@clarion/protocol';
import { NotificationSink, type Transaction } from '../persistence';
import { MailboxStore } from './mailbox.store';

/** Puts the failure that a user has to hear of into the mailbox, in the transaction that stores its record. */
@Injectable()
export class MailboxNotifications extends NotificationSink {
  constructor(private readonly mailbox: MailboxStore) {
    super();
  }

  override async notify(tx: Transaction, userId: string, error: ErrorBody): Promise<void> {
    const data = { user_notification: error.user_notification, error };
    await this.mailbox.append(tx, userId, [
      { type: 'notification', data, thread_id: error.thread_id, run_id: error.run_id },
    ]);
  }
}
