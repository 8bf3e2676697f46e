import { Injectable } from '@nestjs/common';
import { BackgroundTask } from '../errors';
import { AlertDeliveries } from './deliveries.service';
import { DeliveryStore } from './delivery.store';

const BATCH = 100;

/** Finds messages that were stored and that nobody sends: a process died in between, or the queue forgot. */
@Injectable()
export class AlertOutbox extends BackgroundTask {
  override readonly name = 'alerts.outbox';
  override readonly schedule = { everyMs: 15_000 };

  constructor(
    private readonly store: DeliveryStore,
    private readonly deliveries: AlertDeliveries,
  ) {
    super();
  }

  override async run(): Promise<void> {
    await this.deliveries.wake(await this.store.idle(BATCH));
  }
}
