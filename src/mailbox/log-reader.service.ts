import { Injectable } from '@nestjs/common';
import { GroupCommit, isOutage } from '../persistence';
import { type LoggedEvent, PAGE_BYTES, PAGE_EVENTS } from './logged-event';
import { MailboxStore, type PageRequest } from './mailbox.store';

/** Pages that share a statement, at most: some 4 MB where each is as large as it may be. */
const BATCH = 32;
const LANES = 2;
const MAX_WAITING = 10_000;

/** Reads logs for connections. When everybody comes back at once, the pages of many users share a statement. */
@Injectable()
export class LogReader {
  private readonly group: GroupCommit<PageRequest, LoggedEvent[]>;

  constructor(private readonly mailbox: MailboxStore) {
    this.group = new GroupCommit<PageRequest, LoggedEvent[]>({
      writeAll: async (requests) => (await mailbox.readPages(requests)).map((value) => ({ ok: true, value })),
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      maxWaiting: MAX_WAITING,
    });
  }

  /** A page of the events after `seq`, at most `limit`. @throws ComponentError DATABASE_CAPACITY when too many wait, or of the database */
  next(user_id: string, seq: number, limit: number): Promise<LoggedEvent[]> {
    return this.group.submit({ user_id, after: seq, limit: Math.min(limit, PAGE_EVENTS), max_bytes: PAGE_BYTES });
  }

  /** How far the logs of these users go. Who has no mailbox is left out. */
  heads(userIds: readonly string[]): Promise<{ user_id: string; epoch: string; head: number }[]> {
    return this.mailbox.heads(userIds);
  }
}
