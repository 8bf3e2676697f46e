import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { AuditStore } from '../persistence';
import { AlertBook } from './alert-book.service';
import { AlertStore } from './alert.store';
import { AlertDeliveries } from './deliveries.service';
import { type NewSilence, SilenceStore } from './silence.store';

const LISTED = 100;

/** Alerts as admins see and answer them. What they do is audited. */
@Injectable()
export class Alerts {
  constructor(
    private readonly store: AlertStore,
    private readonly book: AlertBook,
    private readonly silences: SilenceStore,
    private readonly deliveries: AlertDeliveries,
    private readonly audit: AuditStore,
  ) {}

  /** The open ones first, then those that ended last, and the silences. Times in ISO 8601. @throws ComponentError DATABASE_* */
  async list() {
    const [alerts, silences] = await Promise.all([this.store.list(LISTED), this.silences.list()]);
    const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
    return {
      alerts: alerts.map(({ opened_at, last_seen_at, notified_at, resolved_at, ...alert }) => ({
        ...alert,
        opened_at: iso(opened_at),
        last_seen_at: iso(last_seen_at),
        notified_at: iso(notified_at),
        resolved_at: iso(resolved_at),
      })),
      silences,
    };
  }

  /** Somebody looks after it: it is not repeated, and those who were told hear who. @throws ComponentError ALERT_NOT_FOUND, DATABASE_* */
  async acknowledge(id: string, actor: string): Promise<void> {
    const messages = await this.store.transaction(async (tx) => {
      const alert = await this.store.acknowledge(tx, id, actor);
      if (alert === undefined) throw ComponentError.integration('ALERT_NOT_FOUND', { details: { id } });
      await this.audit.add(tx, { actor, action: 'alert_acknowledged', subject: id });
      return this.book.tell(tx, alert, 'acknowledge');
    });
    await this.deliveries.wake(messages);
  }

  /** @throws ComponentError DATABASE_* */
  silence(wanted: NewSilence, actor: string) {
    return this.store.transaction(async (tx) => {
      const silence = await this.silences.add(tx, actor, wanted);
      await this.audit.add(tx, { actor, action: 'silence_added', subject: silence.id });
      return silence;
    });
  }

  /** @throws ComponentError ALERT_NOT_FOUND, DATABASE_* */
  async endSilence(id: string, actor: string): Promise<void> {
    await this.store.transaction(async (tx) => {
      if (!(await this.silences.end(tx, id))) throw ComponentError.integration('ALERT_NOT_FOUND', { details: { id } });
      await this.audit.add(tx, { actor, action: 'silence_ended', subject: id });
    });
  }
}
