import { Injectable } from '@nestjs/common';
import type { ErrorBody, RequestResult } from '@clarion/protocol';
import { ComponentError } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import { AttemptText } from './attempt-text';
import { type Ending, hasEnded, type Run } from './run';
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
    const ends: Ending[] = [];
    for (const run of runs)
      ends.push({ run, outcome: { status: 'cancelled', by, content: await this.texts.newest(tx, run) } });
    return (await this.endAll(tx, ends)).flat();
  }

  /** Fails a locked run that nobody advances; the caller appends the events that this gives. */
  async fail(tx: Transaction, run: Run, error: ErrorBody): Promise<NewEvent[]> {
    const content = await this.texts.newest(tx, run);
    return (await this.endAll(tx, [{ run, outcome: { status: 'failed', content, error } }])).flat();
  }

  /** Ends locked runs and gives the last events of each, which the caller appends in the same transaction. */
  async endAll(tx: Transaction, ends: readonly Ending[]): Promise<NewEvent[][]> {
    const ended = await this.runs.end(tx, ends);
    tx.afterCommit(() => {
      for (const { run } of ends) this.stops.tell(run);
      ends.forEach(({ run }, at) => this.followers.ended(run, ended[at]?.alone ?? false));
    });
    return ended.map(({ events }) => events);
  }

  wakeAfterCommit(tx: Transaction, userId: string): void {
    tx.afterCommit(() => this.followers.wake(userId));
  }
}
