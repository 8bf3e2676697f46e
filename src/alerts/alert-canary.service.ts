import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../persistence';
import { AlertBook } from './alert-book.service';
import { AlertStore } from './alert.store';
import { AlertChannels } from './channels/channels.service';
import { DeliveryStore } from './delivery.store';
import type { AlertState } from './lifecycle';

const RULE = 'health-check';

/** Ends the transaction, and takes with it all that was done. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
}

/** Stores an alert and its message the way of every alert, finds the message in the outbox, and takes both back: nobody is told. */
@Injectable()
export class AlertCanary {
  constructor(
    private readonly alerts: AlertStore,
    private readonly book: AlertBook,
    private readonly outbox: DeliveryStore,
    private readonly channels: AlertChannels,
  ) {}

  /** @returns whether the message was there for its channel. @throws what the database throws */
  async fly(): Promise<boolean> {
    let found = false;
    try {
      await this.alerts.transaction(async (tx) => {
        found = await this.roundTrip(tx);
        throw new RolledBack();
      });
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
    return found;
  }

  private async roundTrip(tx: Transaction): Promise<boolean> {
    const now = Date.now();
    const id = uuidv7();
    // A group of its own: processes that do this at the same time do not meet.
    const alert: AlertState = {
      id,
      rule: RULE,
      group: id,
      component: 'alerts',
      severity: 'info',
      summary: RULE,
      details: {},
      status: 'firing',
      opened_at: now,
      last_seen_at: now,
      notified_at: now,
      resolved_at: null,
      acknowledged_by: null,
      flaps: 0,
      muted_by: null,
    };
    await this.book.save(tx, { changed: [alert], actions: [{ alert, action: 'trigger' }] });
    const [recipient] = await this.outbox.recipients(tx, id);
    return recipient?.channel === this.channels.names[0];
  }
}
