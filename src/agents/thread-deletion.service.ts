import { Injectable } from '@nestjs/common';
import type { RequestResult } from '@clarion/protocol';
import { MailboxStore, withoutContent } from '../mailbox';
import { Database, PostgresFailureRecordStore, type Transaction } from '../persistence';
import { RunEnding } from './run-ending.service';
import { ThreadStore } from './thread.store';

/** Erases threads with all that was written in them. */
@Injectable()
export class ThreadDeletion {
  constructor(
    private readonly database: Database,
    private readonly threads: ThreadStore,
    private readonly ending: RunEnding,
    private readonly mailbox: MailboxStore,
    private readonly records: PostgresFailureRecordStore,
  ) {}

  /**
   * `thread_delete`: active runs are cancelled, content is erased, from the mailbox too, in one transaction. Repeated, for a missing thread or
   * somebody else's, it gives the same answer and does nothing.
   */
  async delete(userId: string, threadId: string): Promise<RequestResult<'thread_delete'>> {
    await this.database.transaction(async (tx) => {
      if (await this.threads.lock(tx, userId, threadId)) await this.erase(tx, userId, threadId);
    });
    return { thread_id: threadId };
  }

  /** Rows are locked in the order of the whole house: the thread, its runs, the mailbox. */
  private async erase(tx: Transaction, userId: string, threadId: string): Promise<void> {
    const active = await this.ending.lockActive(tx, [threadId]);
    const ended = await this.ending.cancelAll(tx, active, 'thread_deleted');
    await this.records.forgetThread(tx, threadId);
    await this.threads.remove(tx, threadId);
    if (ended.length > 0) await this.mailbox.append(tx, userId, ended.map(withoutContent));
    await this.mailbox.eraseThread(tx, userId, threadId);
  }
}
