import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError, type Failure, FailureReporter } from '../../errors';
import type { SendFailure } from '../../outbound';
import type { Transaction } from '../../persistence';
import { backoff } from '../backoff';
import { RecoveryMetrics } from '../recovery-metrics';
import { RecoveryQueue, type RoundJob } from '../recovery-queue';
import type { Recovery } from '../recovery.store';
import { type Delivery, type DeliveryEnd, DeliveryStore } from './delivery.store';
import { FallbackChannels } from './fallback-channels';

/** Sends one digest to users who did not come back, by every channel there is. */
@Injectable()
export class Fallback {
  constructor(
    private readonly store: DeliveryStore,
    private readonly channels: FallbackChannels,
    private readonly queue: RecoveryQueue,
    private readonly metrics: RecoveryMetrics,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** The deliveries of a recovery that ends in `tx`; their first jobs are to be enqueued after the commit. */
  async begin(tx: Transaction, recovery: Recovery): Promise<RoundJob[]> {
    const { configured } = this.channels;
    return configured.length === 0 ? [] : this.store.begin(tx, recovery, configured);
  }

  /**
   * One try; nothing if it was made already. It is recorded after the peer has answered: a process that dies in between sends the same id
   * again. A job that has failed and is retried by hand is one more try.
   * @returns the failure, reported, that ended the delivery
   */
  async deliver({ id, round }: { readonly id: string; readonly round: number }): Promise<Failure | null> {
    const delivery = (await this.store.find(id, round)) ?? (await this.reopened(id, round));
    if (delivery === null) return null;
    const digest = await this.store.digest(delivery);
    if (digest === null) return this.end(delivery, 'dropped');
    const outcome = await this.channels.get(delivery.channel).send(digest);
    if (outcome.sent) return this.end(delivery, 'sent');
    if (outcome.retryable && round + 1 < this.config.recovery.fallbackAttempts) return this.retry(delivery, outcome);
    return this.fail(delivery, outcome);
  }

  private async reopened(id: string, round: number): Promise<Delivery | null> {
    return (await this.store.reopen(id, round)) ? this.store.find(id, round) : null;
  }

  private async retry(delivery: Delivery, problem: SendFailure): Promise<null> {
    const { fallbackRetryMs, maxDelayMs } = this.config.recovery;
    const asked = Math.min(problem.retryAfterMs ?? 0, maxDelayMs);
    const delay = Math.max(asked, backoff(fallbackRetryMs, maxDelayMs, delivery.round));
    const job = await this.store.again(delivery, delay, problem);
    if (job === null) return null;
    this.metrics.fallback.inc({ channel: delivery.channel, outcome: 'retried' });
    await this.queue.schedule('fallback-delivery', [job]);
    return null;
  }

  private async fail(delivery: Delivery, problem: SendFailure): Promise<Failure> {
    const { channel, round, user_id, id } = delivery;
    const { kind, status, detail } = problem;
    const details = { channel, kind, status, detail, attempts: round + 1, delivery_id: id };
    const error = ComponentError.integration('FALLBACK_DELIVERY_FAILED', { details });
    const failure = await this.reporter.report(error, { operation: 'recovery.fallback', user_id });
    await this.end(delivery, 'failed', { problem, supportCode: failure.support_code });
    return failure;
  }

  private async end(
    delivery: Delivery,
    state: DeliveryEnd,
    more: { problem?: SendFailure; supportCode?: string } = {},
  ): Promise<null> {
    const ended = await this.store.end(delivery, state, more);
    if (ended) this.metrics.fallback.inc({ channel: delivery.channel, outcome: state });
    return null;
  }
}
