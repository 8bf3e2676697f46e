import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryQueue } from '../alerts';
import { AppConfig } from '../config';
import { ComponentError, within } from '../errors';
import { QueueHost } from './queue-host';

const TIMEOUT_MS = 1_500;

/** Messages about alerts as jobs of the queue `alert-deliveries`. */
@Injectable()
export class BullDeliveryQueue extends DeliveryQueue {
  constructor(
    private readonly host: QueueHost,
    private readonly config: AppConfig,
  ) {
    super();
  }

  /** A job of its own each time: an id that still exists would swallow it. Who sends, the outbox decides. */
  override async enqueue(deliveryIds: readonly string[]): Promise<void> {
    const queue = this.host.queue('alert-deliveries');
    const { attempts } = this.config.alerts;
    const jobs = deliveryIds.map((delivery_id) => ({
      name: 'deliver',
      data: { delivery_id },
      opts: { jobId: `${delivery_id}-${randomUUID().slice(0, 8)}`, attempts },
    }));
    try {
      await within(TIMEOUT_MS, queue.addBulk(jobs));
    } catch (cause) {
      throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause, details: { queue: 'alert-deliveries' } });
    }
  }
}
