import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundTask, FailureReporter } from '../errors';
import { Database } from '../persistence';
import { EpochsStore } from './epochs.store';

/**
 * Looks whether the database is still the same one: whenever it comes or comes back, and as a task, for a change behind a connection that
 * stays (a pooler), and where the look itself failed.
 */
@Injectable()
export class MailboxEpochs extends BackgroundTask implements OnApplicationBootstrap {
  override readonly name = 'mailbox.epochs';
  override readonly schedule = { everyMs: 60_000 };
  private readonly logger = new Logger(MailboxEpochs.name);

  constructor(
    private readonly store: EpochsStore,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.database.onReady(() => void this.look());
  }

  override async run(): Promise<void> {
    const renewed = await this.store.renewIfMoved();
    if (renewed) this.logger.warn('The database was restored or failed over: every mailbox has a new epoch');
  }

  private async look(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      await this.reporter.report(error, { operation: 'mailbox.epochs', component: 'WebSocketBridge' });
    }
  }
}
