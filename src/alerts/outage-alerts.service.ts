import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { AlertMetrics } from './alert-metrics';
import { AlertChannels } from './channels/channels.service';
import { pauseAfter } from './delivery-pause';
import { type Delivery, newDelivery } from './delivery.store';
import type { Evaluation } from './evaluate';
import type { AlertState } from './lifecycle';
import type { AlertAction } from './notice';
import { noticeOf } from './notice-of';
import { OutageTurns } from './outage-turns.service';
import { OutageFile, type OutageState } from './outage-file';

/** That something is over is told when the database is back, which knows who heard of its beginning. */
const TOLD_AT_ONCE: ReadonlySet<AlertAction> = new Set(['trigger', 'repeat']);

type Kept = OutageState['deliveries'][number];

/** Alerts while the database does not answer: kept in a file, and sent at once. They go into the database when it is back. */
@Injectable()
export class OutageAlerts {
  private readonly file: OutageFile;
  private readonly alerts = new Map<string, AlertState>();
  private readonly deliveries = new Map<string, Kept>();
  private sending = 0;
  private loaded = false;

  constructor(
    private readonly config: AppConfig,
    private readonly channels: AlertChannels,
    private readonly reporter: FailureReporter,
    private readonly metrics: AlertMetrics,
    private readonly turns: OutageTurns,
  ) {
    this.file = new OutageFile(config.server.dataDir);
  }

  /** What a process before this one left; to be called before anything else. */
  async load(): Promise<void> {
    if (this.loaded) return;
    this.loaded = true;
    const left = await this.file.read();
    for (const alert of left?.alerts ?? []) this.alerts.set(alert.id, alert);
    for (const delivery of left?.deliveries ?? []) this.deliveries.set(delivery.id, delivery);
  }

  /** What the database does not have yet. Null while something is being sent, and where there is nothing. */
  get pending(): OutageState | null {
    if (this.sending > 0 || this.alerts.size === 0) return null;
    return { alerts: [...this.alerts.values()], deliveries: [...this.deliveries.values()] };
  }

  get busy(): boolean {
    return this.sending > 0;
  }

  /** The alerts as they are now: those that the database had, and what has happened since. */
  known(before: readonly AlertState[]): AlertState[] {
    const byId = new Map(before.map((alert) => [alert.id, alert]));
    for (const alert of this.alerts.values()) byId.set(alert.id, alert);
    return [...byId.values()];
  }

  /** Keeps what has changed, then sends. Sending goes on after this. */
  async apply({ changed, actions }: Evaluation): Promise<void> {
    const first = this.channels.names[0];
    const owed = actions.filter(({ action }) => TOLD_AT_ONCE.has(action) && first !== undefined);
    const unsent = [...this.deliveries.values()].filter(({ status }) => status === 'pending');
    const added = owed.map(({ alert, action }) => {
      const recipient = { channel: first!, target: this.channels.targetOf(first!) };
      return {
        ...newDelivery(noticeOf(this.config.alerts.source, alert, action), recipient),
        status: 'pending' as const,
      };
    });
    for (const alert of changed) this.note(alert);
    for (const delivery of added) this.deliveries.set(delivery.id, delivery);
    if (added.length > 0) await this.keep();
    for (const delivery of this.sending === 0 ? [...unsent, ...added] : added) void this.send(delivery);
  }

  /** Also what nobody is told of yet: it has to last before somebody is. */
  private note(alert: AlertState): void {
    if (alert.status === 'resolved' && alert.notified_at === null) this.alerts.delete(alert.id);
    else this.alerts.set(alert.id, alert);
  }

  /** All of it is in the database. */
  async forget(): Promise<void> {
    await Promise.all([...this.deliveries.values()].map((delivery) => this.turns.end(keyOf(delivery))));
    this.alerts.clear();
    this.deliveries.clear();
    await this.file.remove();
  }

  /** Never rejects. What is another process's turn stays pending, and is looked at again. */
  private async send(delivery: Delivery): Promise<void> {
    this.sending += 1;
    try {
      const turn = await this.turns.take(keyOf(delivery));
      if (turn.whose === 'mine') await this.tell(delivery);
      if (turn.whose !== 'told') return;
      const { channel } = turn;
      this.deliveries.set(delivery.id, {
        ...delivery,
        channel,
        target: this.channels.targetOf(channel),
        status: 'sent',
      });
      await this.keep();
    } finally {
      this.sending -= 1;
    }
  }

  private async tell(delivery: Delivery): Promise<void> {
    const sent = await this.attempt(delivery);
    this.deliveries.set(delivery.id, { ...delivery, status: sent ? 'sent' : 'failed' });
    const next = this.channels.after(delivery.channel);
    if (sent) await this.turns.told(keyOf(delivery), delivery.channel);
    else if (next === undefined) await this.turns.end(keyOf(delivery));
    else {
      const other = newDelivery(delivery.notice, { channel: next, target: this.channels.targetOf(next) });
      this.deliveries.set(other.id, { ...other, status: 'pending' });
      void this.send(other);
    }
    await this.keep();
  }

  private async attempt({ id, channel, notice, target }: Delivery): Promise<boolean> {
    const { attempts, retryMs } = this.config.alerts;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.channels.send(channel, notice, id, target);
      this.metrics.sent(channel, outcome.sent);
      if (outcome.sent) return true;
      const final = !outcome.retryable || attempt >= attempts;
      const last = final && this.channels.after(channel) === undefined;
      const reason = last ? 'ALERT_UNDELIVERED' : final ? 'ALERT_CHANNEL_FAILED' : 'ALERT_DELIVERY_RETRYING';
      const details = { channel, attempt, attempts, status: outcome.status, kind: outcome.kind };
      await this.reporter.report(ComponentError.integration(reason, { details }), { operation: `alerts.${channel}` });
      if (final) return false;
      await delay(pauseAfter(outcome, attempt, retryMs));
    }
  }

  /** An alert that cannot be kept is sent all the same. */
  private async keep(): Promise<void> {
    try {
      await this.file.write({ alerts: [...this.alerts.values()], deliveries: [...this.deliveries.values()] });
    } catch (cause) {
      const error = ComponentError.integration('SPOOL_WRITE_FAILED', { cause });
      await this.reporter.report(error, { operation: 'alerts.spool' });
    }
  }
}

function keyOf({ notice }: Delivery): string {
  return `${notice.dedup_key}/${notice.action}`;
}
