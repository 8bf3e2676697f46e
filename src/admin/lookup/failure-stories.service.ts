import { Injectable } from '@nestjs/common';
import { AlertSearch } from '../../alerts';
import { FailureLookup, type FailureRecord, FailureReporter, userText } from '../../errors';
import type { FailureStory, ToldUser } from './failure-story';
import { type ToldInMailbox, ToldStore } from './told.store';

/** Whoever asks over a connection gets the failure as the answer. */
const ANSWERED = /^(?:socket|handshake|http|admin)\./;

/** Tells the story of a failure: the record, and what came of it. */
@Injectable()
export class FailureStories {
  constructor(
    private readonly lookup: FailureLookup,
    private readonly store: ToldStore,
    private readonly alerts: AlertSearch,
    private readonly reporter: FailureReporter,
  ) {}

  /**
   * Null when no failure has this code. With the database down a record of the spool is told as far as it goes.
   * @throws ComponentError DATABASE_* when only the database could know
   */
  async find(supportCode: string): Promise<FailureStory | null> {
    const record = await this.lookup.find(supportCode);
    if (record === null) return null;
    try {
      return await this.whole(record);
    } catch (error) {
      const { support_code, cause } = await this.reporter.report(error, { operation: 'admin.lookup' });
      if (cause.definition.component !== 'Database') throw error;
      const missing = [`told, run, alerts: the database does not answer (${support_code})`];
      return { ...record, told: toldOf(record, null), run: null, alerts: [], missing };
    }
  }

  private async whole(record: FailureRecord): Promise<FailureStory> {
    const { user_id, run_id } = record;
    const mailbox = user_id === null ? null : await this.store.told(record, user_id);
    const run = run_id === null ? null : await this.store.run(run_id);
    const missing: string[] = [];
    if (run_id !== null && run === null) missing.push('run: it was deleted with its thread');
    if (record.notify && mailbox?.events.length === 0) missing.push("told: the event has left the user's mailbox");
    return { ...record, told: toldOf(record, mailbox), run, alerts: await this.alerts.about(record), missing };
  }
}

function toldOf(record: FailureRecord, mailbox: ToldInMailbox | null): ToldUser | null {
  if (record.user_id === null) return null;
  const locale = record.locale ?? mailbox?.locale ?? null;
  const { message, user_friendly_message, action_required } =
    mailbox?.texts ?? userText(record.reason, locale, record.details);
  const events = mailbox?.events ?? [];
  return {
    by: wayOf(record, mailbox),
    seen: events.length === 0 ? null : events.some(({ devices }) => devices.some(({ seen }) => seen)),
    locale,
    texts: { message, user_friendly_message, action_required },
    events,
  };
}

function wayOf({ operation, notify }: FailureRecord, mailbox: ToldInMailbox | null): ToldUser['by'] {
  if (mailbox !== null && mailbox.events.length > 0) return 'event';
  if (ANSWERED.test(operation)) return 'answer';
  return mailbox === null || notify ? 'unknown' : 'nothing';
}
