import { Injectable } from '@nestjs/common';
import type { DurableEvent } from '@clarion/protocol';
import { GroupCommit, isOutage } from '../persistence';
import { MailboxStore, type PageRequest } from './mailbox.store';

/** Pages that share a statement, at most: some 4 MB where each is as large as it may be. */
const BATCH = 32;
const LANES = 2;
const MAX_WAITING = 10_000;
/** Of what events carry, in one page; far less than what may wait for a client. */
const PAGE_BYTES = 131_072;

/** Reads logs for connections. When everybody comes back at once, the pages of many users share a statement. */
@Injectable()
export class LogReader {
  private readonly group: GroupCommit<PageRequest, DurableEvent[]>;

  constructor(private readonly mailbox: MailboxStore) {
    this.group = new GroupCommit<PageRequest, DurableEvent[]>({
      writeAll: async (requests) => (await mailbox.readPages(requests)).map((value) => ({ ok: true, value })),
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      maxWaiting: MAX_WAITING,
    });
  }

  /** The events after `seq`, at most `limit`. @throws ComponentError DATABASE_CAPACITY when too many wait, or of the database */
  next(user_id: string, seq: number, limit: number): Promise<DurableEvent[]> {
    return this.group.submit({ user_id, after: seq, limit, max_bytes: PAGE_BYTES });
  }

  /** How far the logs of these users go. Who has no mailbox is left out. */
  heads(userIds: readonly string[]): Promise<{ user_id: string; epoch: string; head: number }[]> {
    return this.mailbox.heads(userIds);
  }
}
