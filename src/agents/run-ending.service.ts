import { Injectable } from '@nestjs/common';
import type { ErrorBody, RequestResult } from '@clarion/protocol';
import { ComponentError } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import { AttemptText } from './attempt-text';
import { hasEnded, type Run, type RunOutcome } from './run';
import { RunFollowers } from './run-followers.service';
import { RunStops } from './run-stops.service';
import { RunStore } from './run.store';

/** Ends runs from wherever they are ended, and lets what waited for them go on. */
@Injectable()
export class RunEnding {
  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly texts: AttemptText,
    private readonly mailbox: MailboxStore,
    private readonly stops: RunStops,
    private readonly followers: RunFollowers,
  ) {}

  /** `run_cancel`: ends the run now, wherever it is; a run that has ended already keeps its end. */
  async cancel(userId: string, runId: string): Promise<RequestResult<'run_cancel'>> {
    return this.database.transaction(async (tx) => {
      const run = await this.runs.lock(tx, runId, userId);
      if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
      if (hasEnded(run)) return { run_id: run.id, status: run.status };
      await this.mailbox.append(tx, userId, await this.cancelAll(tx, [run], 'user'));
      return { run_id: run.id, status: 'cancelled' };
    });
  }

  lockActive(tx: Transaction, threadIds: readonly string[]): Promise<Run[]> {
    return this.runs.lockActive(tx, threadIds);
  }

  /** Cancels locked runs; the caller appends the events that this gives. */
  async cancelAll(tx: Transaction, runs: readonly Run[], by: string): Promise<NewEvent[]> {
    const events: NewEvent[] = [];
    for (const run of runs) {
      const content = await this.texts.newest(tx, run);
      events.push(...(await this.end(tx, run, { status: 'cancelled', by, content })));
    }
    return events;
  }

  /** Fails a locked run that nobody advances; the caller appends the events that this gives. */
  async fail(tx: Transaction, run: Run, error: ErrorBody): Promise<NewEvent[]> {
    return this.end(tx, run, { status: 'failed', content: await this.texts.newest(tx, run), error });
  }

  /** Ends a locked run and gives its last events, which the caller appends in the same transaction. */
  async end(tx: Transaction, run: Run, outcome: RunOutcome): Promise<NewEvent[]> {
    const events = await this.runs.end(tx, run, outcome);
    tx.afterCommit(() => this.stops.tell(run));
    tx.afterCommit(() => this.followers.ended(run));
    return events;
  }

  wakeAfterCommit(tx: Transaction, userId: string): void {
    tx.afterCommit(() => this.followers.wake(userId));
  }
}
