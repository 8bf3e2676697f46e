import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config';
import { BackgroundTask } from '../errors';
import { RetentionStore, type Retention } from './retention.store';

const EVERY_MS = 600_000;
const TIMEOUT_MS = 600_000;
const MAILBOXES = 500;
const EVENTS = 2_000;

/** Keeps mailboxes within MAILBOX_RETENTION_DAYS and MAILBOX_MAX_EVENTS. Any number of processes may do it at once. */
@Injectable()
export class MailboxRetention extends BackgroundTask {
  override readonly name = 'mailbox.retention';
  override readonly schedule = { everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS };
  private readonly logger = new Logger(MailboxRetention.name);
  private readonly keep: Retention;

  constructor(
    private readonly store: RetentionStore,
    { mailbox }: AppConfig,
  ) {
    super();
    this.keep = { days: mailbox.retentionDays, maxEvents: mailbox.maxEvents };
  }

  /** Goes through all mailboxes, in bounded pages, and removes in bounded batches. */
  override async run(signal: AbortSignal): Promise<void> {
    let removed = 0;
    for (let last: string | undefined = ''; last !== undefined && !signal.aborted;) {
      const page: { user_id: string; due: boolean }[] = await this.store.mailboxes(last, this.keep, MAILBOXES);
      for (const { user_id, due } of page) if (due) removed += await this.trim(user_id, signal);
      last = page.at(-1)?.user_id;
    }
    if (removed > 0) this.logger.log({ events: removed }, 'Removed events that are retained no longer');
  }

  private async trim(userId: string, signal: AbortSignal): Promise<number> {
    let total = 0;
    let removed = EVENTS;
    while (removed === EVENTS && !signal.aborted) {
      removed = await this.store.trim(userId, this.keep, EVENTS);
      total += removed;
    }
    return total;
  }
}
