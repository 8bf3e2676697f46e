import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { Database } from '../persistence';
import { MailboxStore } from './mailbox.store';
import type { NewEvent } from './new-event';
import { UserBus, type UserSignal } from './user-bus';

/** No token can name this user: retention, erasure, recovery and statistics never come across the mailbox. */
export const CANARY_USER = '';

/** So many events stay, or one process would take away what another is about to read. */
const KEPT = 100;
const EVENT: NewEvent = { type: 'agent_progress', data: { progress: 1, message: 'health check' } };

/** One process at a time, and nobody waits for one that froze with the mailbox in its hands. */
const TAKE_TURN = `SELECT pg_try_advisory_xact_lock(hashtext('clarion mailbox canary')) AS taken`;
const TRIM = `
WITH trimmed AS (UPDATE mailboxes SET trimmed_to = greatest(trimmed_to, $2) WHERE user_id = $1)
DELETE FROM mailbox_events WHERE user_id = $1 AND seq <= $2`;

/** What a check of the way of an event is waiting for. */
export type CanaryStage = 'append' | 'fan-out' | 'read' | 'done';

/** Sends an event the way of every event: into a mailbox, by the live channel to a listener, and out of the log again. */
@Injectable()
export class MailboxCanary {
  /** Where the last check is, or has stopped. */
  stage: CanaryStage = 'done';

  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly bus: UserBus,
  ) {}

  /** Resolves when an event has arrived and could be read. @throws ComponentError */
  async fly(): Promise<void> {
    const heard = new Set<number>();
    const subscription = this.bus.subscribe(CANARY_USER, (signal) => seqsOf(signal).forEach((seq) => heard.add(seq)));
    try {
      this.stage = 'append';
      const seq = await this.append();
      this.stage = 'fan-out';
      // The bus hands over within this turn what is committed here.
      if (seq !== null && !heard.has(seq)) throw ComponentError.webSocketBridge('EVENT_DELIVERY_FAILED');
      await this.bus.echo();
      this.stage = 'read';
      await this.read(seq);
      this.stage = 'done';
    } finally {
      subscription.end();
    }
  }

  /** Null where it is another process' turn. */
  private append(): Promise<number | null> {
    return this.database.transaction(async (tx) => {
      const [turn] = await tx.query<{ taken: boolean }>(TAKE_TURN);
      if (turn?.taken !== true) return null;
      const [event] = await this.mailbox.append(tx, CANARY_USER, [EVENT]);
      const seq = event?.seq ?? 0;
      await tx.query(TRIM, [CANARY_USER, seq - KEPT]);
      return seq;
    });
  }

  private async read(seq: number | null): Promise<void> {
    const [event] = await this.mailbox.readAfter(CANARY_USER, (seq ?? 1) - 1, 1);
    if (seq !== null && event?.seq !== seq) throw ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE');
  }
}

function seqsOf(signal: UserSignal): number[] {
  return signal.kind === 'events' ? signal.events.map(({ seq }) => seq) : [];
}
