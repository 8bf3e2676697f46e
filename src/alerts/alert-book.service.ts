import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import type { Transaction } from '../persistence';
import { AlertStore } from './alert.store';
import { AlertChannels } from './channels/channels.service';
import { type Delivery, DeliveryStore, newDelivery, type Recipient } from './delivery.store';
import type { Evaluation } from './evaluate';
import type { AlertState } from './lifecycle';
import type { AlertAction } from './notice';
import { noticeOf } from './notice-of';
import type { OutageState } from './outage-file';

/** Stores alerts together with the messages that tell of them. */
@Injectable()
export class AlertBook {
  constructor(
    private readonly store: AlertStore,
    private readonly outbox: DeliveryStore,
    private readonly channels: AlertChannels,
    private readonly config: AppConfig,
  ) {}

  /** @returns the ids of the messages that are to be sent once this has committed */
  async save(tx: Transaction, { changed, actions }: Evaluation): Promise<string[]> {
    await this.store.save(tx, changed);
    const ids: string[] = [];
    for (const { alert, action } of actions) ids.push(...(await this.tell(tx, alert, action)));
    return ids;
  }

  /** Stores a message for everybody whom it concerns. */
  async tell(tx: Transaction, alert: AlertState, action: AlertAction): Promise<string[]> {
    const notice = noticeOf(this.config.alerts.source, alert, action);
    const deliveries = (await this.recipients(tx, alert, action)).map((recipient) => newDelivery(notice, recipient));
    await this.outbox.add(tx, deliveries);
    return deliveries.map(({ id }) => id);
  }

  /**
   * Lets every channel that failed have its last message again; that its alert is over, where it is by now. Who takes it is well again.
   * @returns the ids of the messages that are to be sent once this has committed
   */
  async offerAgain(tx: Transaction): Promise<string[]> {
    const { source, channelRetryMs } = this.config.alerts;
    const ids: string[] = [];
    for (const delivery of await this.outbox.undelivered(tx, this.channels.names, channelRetryMs)) {
      const over = delivery.action === 'resolve' ? undefined : await this.store.ended(tx, delivery.alert_id);
      const offered = over === undefined ? delivery : newDelivery(noticeOf(source, over, 'resolve'), delivery);
      if (offered === delivery) await this.outbox.reopen(tx, delivery.id);
      else await this.outbox.add(tx, [{ ...offered, again: true }]);
      ids.push(offered.id);
    }
    return ids;
  }

  /**
   * Takes over what happened without the database. What was sent then is not sent again.
   * @returns the ids of the messages that are to be sent once this has committed: of what has ended meanwhile
   */
  async ingest(tx: Transaction, { alerts, deliveries }: OutageState): Promise<string[]> {
    const known = new Map((await this.store.known(tx, Date.now())).map((alert) => [keyOf(alert), alert]));
    await this.store.save(tx, alerts);
    // Another process may have opened the same alert: the messages belong to that one then.
    const ids = new Map(alerts.map((alert) => [alert.id, openId(known.get(keyOf(alert))) ?? alert.id]));
    const moved: (Delivery & { status: string })[] = deliveries.map((delivery) => ({
      ...delivery,
      alert_id: ids.get(delivery.alert_id) ?? delivery.alert_id,
    }));
    await this.outbox.add(tx, moved);
    await this.outbox.cancelTold(tx, moved);
    const over = alerts.filter((alert) => ids.get(alert.id) === alert.id && hasEnded(alert, known.get(keyOf(alert))));
    const messages: string[] = [];
    for (const alert of over) messages.push(...(await this.tell(tx, alert, 'resolve')));
    return messages;
  }

  private async recipients(tx: Transaction, alert: AlertState, action: AlertAction): Promise<Recipient[]> {
    const told = action === 'trigger' ? [] : await this.outbox.recipients(tx, alert.id);
    if (told.length > 0 || action === 'acknowledge' || action === 'resolve') return told;
    const [channel] = this.channels.names;
    return channel === undefined ? [] : [{ channel, target: this.channels.targetOf(channel) }];
  }
}

function keyOf({ rule, group }: AlertState): string {
  return `${rule} ${group}`;
}

/** Somebody was told of it, and nobody yet that it is over. */
function hasEnded({ status, notified_at, opened_at }: AlertState, before: AlertState | undefined): boolean {
  return status === 'resolved' && notified_at !== null && (before?.resolved_at ?? -Infinity) < opened_at;
}

function openId(alert: AlertState | undefined): string | undefined {
  return alert === undefined || alert.status === 'resolved' ? undefined : alert.id;
}
