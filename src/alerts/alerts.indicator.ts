import { Injectable } from '@nestjs/common';
import { classify, ComponentError } from '../errors';
import { Database } from '../persistence';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import { AlertCanary } from './alert-canary.service';
import { AlertChannels } from './channels/channels.service';
import { DeliveryStore } from './delivery.store';

/** Alerts reach somebody: a message comes into the outbox, and the last one was taken by its channel. */
@Injectable()
export class AlertsIndicator extends HealthIndicator {
  override readonly component = 'alerts';

  constructor(
    private readonly channels: AlertChannels,
    private readonly store: DeliveryStore,
    private readonly database: Database,
    private readonly canary: AlertCanary,
  ) {
    super();
  }

  override async check(): Promise<HealthFinding> {
    const configured = this.channels.names;
    if (configured.length === 0) return { status: 'not_configured' };
    const details = this.details();
    if (!this.database.ready) return this.unanswered();
    if (!(await this.keeps())) {
      const suggestion = 'compare the tables alerts and alert_deliveries with the migrations';
      return { status: 'failed', details, problem: 'A message that is stored is not in the outbox', suggestion };
    }
    const ends = await this.lastEnds();
    const failed = ends.filter(({ channel, status }) => status === 'failed' && configured.includes(channel));
    const [first] = failed;
    if (first === undefined) return { status: 'healthy', details };
    const all = failed.length === configured.length;
    return {
      status: all ? 'failed' : 'degraded',
      details,
      problem: `Alerts are not taken by: ${failed.map(({ channel }) => channel).join(', ')}`,
      suggestion: `look up ${first.support_code ?? 'the failure'} and correct it; npm run alert:test -- ${first.channel} tries it, and what it did not take is offered again`,
      cause: ComponentError.integration(all ? 'ALERT_UNDELIVERED' : 'ALERT_CHANNEL_FAILED', { details }),
    };
  }

  /** Without the database alerts are sent at once: they do not depend on it. */
  override unanswered(): HealthFinding {
    return { status: 'healthy', details: this.details() };
  }

  private details(): { channels: string } {
    return { channels: this.channels.names.join(', ') };
  }

  /** While the database fails alerts are sent beside it. */
  private async keeps(): Promise<boolean> {
    try {
      return await this.canary.fly();
    } catch (error) {
      if (classify(error, 'Database').definition.component === 'Database') return true;
      throw error;
    }
  }

  /** None while the database fails. */
  private async lastEnds(): ReturnType<DeliveryStore['lastEnds']> {
    try {
      return await this.store.lastEnds();
    } catch (error) {
      if (classify(error, 'Database').definition.component === 'Database') return [];
      throw error;
    }
  }
}
