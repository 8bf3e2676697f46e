import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppConfig } from '../config';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { RetentionStore, type Retention } from './retention.store';

const EVERY_MS = 600_000;
const MAILBOXES = 500;
const EVENTS = 2_000;

/** Keeps mailboxes within MAILBOX_RETENTION_DAYS and MAILBOX_MAX_EVENTS. Any number of processes may do it at once. */
@Injectable()
export class MailboxRetention implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(MailboxRetention.name);
  private readonly keep: Retention;
  private readonly loop: PeriodicLoop;
  private stopping = false;

  constructor(
    private readonly store: RetentionStore,
    private readonly database: Database,
    reporter: FailureReporter,
    { mailbox }: AppConfig,
  ) {
    this.keep = { days: mailbox.retentionDays, maxEvents: mailbox.maxEvents };
    this.loop = new PeriodicLoop({
      name: 'mailbox.retention',
      everyMs: EVERY_MS,
      work: () => this.trimAll(),
      reporter,
      component: 'WebSocketBridge',
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onModuleDestroy(): Promise<void> {
    this.stopping = true;
    return this.loop.stop();
  }

  /** Goes through all mailboxes, in bounded pages, and removes in bounded batches. */
  async trimAll(): Promise<void> {
    if (!this.database.ready) return;
    let removed = 0;
    for (let last: string | undefined = ''; last !== undefined && !this.stopping;) {
      const page: { user_id: string; due: boolean }[] = await this.store.mailboxes(last, this.keep, MAILBOXES);
      for (const { user_id, due } of page) if (due) removed += await this.trim(user_id);
      last = page.at(-1)?.user_id;
    }
    if (removed > 0) this.logger.log({ events: removed }, 'Removed events that are retained no longer');
  }

  private async trim(userId: string): Promise<number> {
    let total = 0;
    let removed = EVENTS;
    while (removed === EVENTS && !this.stopping) {
      removed = await this.store.trim(userId, this.keep, EVENTS);
      total += removed;
    }
    return total;
  }
}
