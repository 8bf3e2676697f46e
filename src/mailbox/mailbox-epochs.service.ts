import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { EpochsStore } from './epochs.store';

/** Looks, whenever the database comes or comes back, whether it is still the same one. */
@Injectable()
export class MailboxEpochs implements OnApplicationBootstrap {
  private readonly logger = new Logger(MailboxEpochs.name);

  constructor(
    private readonly store: EpochsStore,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
  ) {}

  onApplicationBootstrap(): void {
    this.database.onReady(() => void this.look());
  }

  private async look(): Promise<void> {
    try {
      const renewed = await this.store.renewIfMoved();
      if (renewed) this.logger.warn('The database was restored or failed over: every mailbox has a new epoch');
    } catch (error) {
      await this.reporter.report(error, { operation: 'mailbox.epochs', component: 'WebSocketBridge' });
    }
  }
}
