import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, type Failure, FailureReporter } from '../errors';
import type { SendFailure } from '../outbound';
import { AlertMetrics } from './alert-metrics';
import { AlertChannels } from './channels/channels.service';
import { DeliveryQueue } from './delivery-queue';
import { pauseAfter } from './delivery-pause';
import { type Delivery, DeliveryStore, newDelivery } from './delivery.store';

/** How an attempt to send ended; a failure has been reported. */
export type DeliveryOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly failure: Failure; readonly final: boolean; readonly retryAfterMs: number };

interface Attempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly attempts: number;
}

/** So long the queue may take before a message is sent without it: its workers may be what is alerted about. */
const STRANDED_MS = 3_000;
const MOST_STRANDED = 20;

/** Sends what is in the outbox: by its channel, as often as that allows, then by the next one. */
@Injectable()
export class AlertDeliveries {
  constructor(
    private readonly store: DeliveryStore,
    private readonly channels: AlertChannels,
    private readonly queue: DeliveryQueue,
    private readonly reporter: FailureReporter,
    private readonly metrics: AlertMetrics,
    private readonly config: AppConfig,
  ) {}

  /** Lets them be sent: by the queue, or here where that does not work. Never rejects. */
  async wake(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    try {
      await this.queue.enqueue(ids);
    } catch (error) {
      await this.reporter.report(error, { operation: 'alerts.enqueue', component: 'Redis' });
      await Promise.all(ids.map((id) => this.sendHere(id)));
    }
  }

  /**
   * One attempt at one message. What was sent already, somebody else sends, or comes later in its turn, is left alone. A dead letter that
   * is retried is one attempt more.
   * @throws what the database throws; then it is sent again, with the same id
   */
  async deliver(id: string, job: Attempt): Promise<DeliveryOutcome> {
    const delivery = await this.store.claim(id, job.jobId, job.attempt);
    if (delivery === undefined) return { ok: true };
    const outcome = await this.channels.send(delivery.channel, delivery.notice, id, delivery.target);
    this.metrics.sent(delivery.channel, outcome.sent);
    if (!outcome.sent) return this.failed(delivery, outcome, job);
    await this.store.sent(id);
    await this.wake(await this.store.idle(1, delivery.alert_id));
    return { ok: true };
  }

  /** Sends what the queue has taken and no worker fetches. Sending goes on after this. @throws ComponentError DATABASE_* */
  async sendStranded(): Promise<void> {
    for (const id of await this.store.stranded(STRANDED_MS, MOST_STRANDED)) void this.sendHere(id);
  }

  private async sendHere(id: string): Promise<void> {
    const jobId = randomUUID();
    const { attempts } = this.config.alerts;
    try {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const outcome = await this.deliver(id, { jobId, attempt, attempts });
        if (outcome.ok || outcome.final) return;
        await delay(outcome.retryAfterMs);
      }
    } catch (error) {
      await this.reporter.report(error, { operation: 'alerts.deliver', component: 'Integration' });
    }
  }

  private async failed(delivery: Delivery, failed: SendFailure, job: Attempt): Promise<DeliveryOutcome> {
    const { attempt, attempts } = job;
    const { channel, action, alert_id, again = false } = delivery;
    const final = again || !failed.retryable || attempt >= attempts;
    // What is offered again has gone to the next channel already.
    const next = final && !again ? this.channels.after(channel) : undefined;
    const gone = next === undefined ? 'ALERT_UNDELIVERED' : 'ALERT_CHANNEL_FAILED';
    const reason = final && !again ? gone : 'ALERT_DELIVERY_RETRYING';
    const { kind, status, detail } = failed;
    const failure = await this.reporter.report(
      ComponentError.integration(reason, {
        details: { channel, action, alert_id, attempt, attempts, kind, status, detail },
      }),
      { operation: `alerts.${channel}`, job_id: job.jobId },
    );
    if (final) await this.giveUp(delivery, failure.support_code, next);
    return { ok: false, failure, final, retryAfterMs: pauseAfter(failed, attempt, this.config.alerts.retryMs) };
  }

  /** The message is a dead letter; while the alert is open, the next channel gets it. */
  private async giveUp(delivery: Delivery, supportCode: string, next: string | undefined): Promise<void> {
    const instead = await this.store.transaction(async (tx) => {
      await this.store.end(tx, delivery.id, 'failed', supportCode);
      if (delivery.action !== 'trigger') return [];
      await this.store.cancelFollowers(tx, delivery);
      if (next === undefined || !(await this.store.isOpen(tx, delivery.alert_id))) return [];
      const told = await this.store.recipients(tx, delivery.alert_id);
      if (told.some(({ channel }) => channel === next)) return [];
      const other = newDelivery(delivery.notice, { channel: next, target: this.channels.targetOf(next) });
      await this.store.add(tx, [other]);
      return [other.id];
    });
    await this.wake(instead);
  }
}
