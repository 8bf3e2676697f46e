import { Injectable, Logger } from '@nestjs/common';
import { MailboxStore } from '../mailbox';
import { AuditStore, Database, PostgresFailureRecordStore, type Transaction } from '../persistence';
import { ThreadDeletion } from './thread-deletion.service';
import { ThreadStore } from './thread.store';

const BATCH = 100;

/** Erases all that is kept of a user. */
@Injectable()
export class UserErasure {
  private readonly logger = new Logger(UserErasure.name);

  constructor(
    private readonly database: Database,
    private readonly threads: ThreadStore,
    private readonly deletion: ThreadDeletion,
    private readonly mailbox: MailboxStore,
    private readonly records: PostgresFailureRecordStore,
    private readonly audit: AuditStore,
  ) {}

  /**
   * Threads first, each with its messages and runs, active ones cancelled; then the mailbox, the positions and the user's name on failure
   * records, in one transaction with the audit entry. Interrupted, it is simply done again. The user's connections are told and closed.
   * @param actor the admin who does it
   */
  async erase(userId: string, actor: string): Promise<void> {
    do await this.deleteThreads(userId);
    while (!(await this.database.transaction((tx) => this.eraseRest(tx, userId, actor))));
    this.logger.log({ actor, user_id: userId }, 'Erased a user');
  }

  private async deleteThreads(userId: string): Promise<void> {
    for (;;) {
      const ids = await this.threads.idsOf(this.database, userId, BATCH);
      if (ids.length === 0) return;
      for (const id of ids) await this.deletion.delete(userId, id);
    }
  }

  /** False where a message came meanwhile: what it began holds the mailbox's lock until it is there to be found. */
  private async eraseRest(tx: Transaction, userId: string, actor: string): Promise<boolean> {
    await this.mailbox.lock(tx, userId);
    if ((await this.threads.idsOf(tx, userId, 1)).length > 0) return false;
    await this.mailbox.erase(tx, userId);
    await this.records.forgetUser(tx, userId);
    await this.audit.add(tx, { actor, action: 'user_erased', subject: userId });
    return true;
  }
}
