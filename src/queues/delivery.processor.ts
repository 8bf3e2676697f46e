import { Injectable } from '@nestjs/common';
import { AlertDeliveries, AlertsLifecycle } from '../alerts';
import { ReportedFailure } from './job-failures';
import type { JobAttempt, JobData } from './queue-definitions';

/** A job of `alert-deliveries` sends one message. */
@Injectable()
export class DeliveryProcessor {
  constructor(
    private readonly deliveries: AlertDeliveries,
    private readonly alerts: AlertsLifecycle,
  ) {}

  /** @throws ReportedFailure for an attempt that failed */
  async process({ delivery_id }: JobData<'alert-deliveries'>, job: JobAttempt): Promise<void> {
    const outcome = await this.deliveries.deliver(delivery_id, job);
    if (!outcome.ok) throw new ReportedFailure(outcome.failure, outcome.final, outcome.retryAfterMs);
  }

  /** What this process sees while it goes down alerts nobody. */
  stop(): void {
    void this.alerts.stop();
  }
}
