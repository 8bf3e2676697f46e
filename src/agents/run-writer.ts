import type { MailboxStore, NewEvent } from '../mailbox';
import type { Transaction } from '../persistence';
import { RunStop } from './active-runs';
import type { NextAttempt, NextAttempts } from './next-attempts.service';
import type { Run, RunOutcome } from './run';
import type { RunDatabase } from './run-database.service';
import type { AskedQuestion } from './questions';
import type { AskingRun, RunQuestions } from './run-questions.service';
import { type Beside, lockPositions, mayLeave, type Position, type RunWrites } from './run-writes.service';
import { untilDatabaseTakes } from './until';

/** The stores that a writer writes to. */
export interface WriterStores {
  readonly database: Pick<RunDatabase, 'transaction'>;
  readonly mailbox: MailboxStore;
  readonly writes: RunWrites;
  readonly next: NextAttempts;
  readonly questions: RunQuestions;
}

/**
 * Durable writes of one attempt, under its fencing token. Each is numbered: one whose outcome was unknown is repeated under the same number,
 * and recognised when it had happened. While the database is away a write waits for it.
 */
export class RunWriter {
  private written = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly run: Run,
    private readonly stores: WriterStores,
  ) {}

  /**
   * Appends events of the running attempt, with what is to be known beside them, after what was appended before; gives up when `signal` is aborted.
   * @throws RunStop when the lease is lost
   */
  append(events: readonly NewEvent[], signal: AbortSignal, beside: Beside = {}): Promise<void> {
    const mine = this.last.then(() => this.appendNow(events, signal, beside));
    this.last = Promise.allSettled([mine]);
    return mine;
  }

  private async appendNow(events: readonly NewEvent[], signal: AbortSignal, beside: Beside): Promise<void> {
    signal.throwIfAborted();
    const number = this.written + 1;
    const { run } = this;
    await this.write(signal, () => this.stores.writes.append({ run, number, events, ...beside }));
    this.written = number;
  }

  /**
   * Ends the run. Waits for the database until this process stops: nobody else ends a run whose worker lives.
   * @param shutdown aborted when this process stops
   * @throws RunStop
   */
  end(outcome: RunOutcome, shutdown: AbortSignal): Promise<void> {
    return this.write(shutdown, () => this.stores.writes.end({ run: this.run, outcome }));
  }

  /** Begins the run's next attempt, and lets go of it. Waits as `end` does. @throws RunStop */
  goOn(next: NextAttempt, shutdown: AbortSignal): Promise<void> {
    const isDone = (row: Position): boolean => row.status === 'waiting' && row.attempt === this.run.attempt + 1;
    return this.leave(shutdown, isDone, async (tx) => [await this.stores.next.begin(tx, this.run, next)]);
  }

  /** Asks the user, after what was appended before, and lets go of the run. Waits as `end` does. @throws RunStop */
  ask(question: AskedQuestion, active: AskingRun): Promise<void> {
    const isDone = (row: Position): boolean => row.status === 'waiting' && row.attempt === this.run.attempt;
    const open = async (tx: Transaction): Promise<NewEvent[]> => [
      await this.stores.questions.open(tx, this.run, question, active),
    ];
    return this.last.then(() => this.leave(active.shutdown, isDone, open));
  }

  /** The last write of an attempt; `isDone` recognises that an earlier try of it has committed after all. */
  private leave(
    shutdown: AbortSignal,
    isDone: (row: Position) => boolean,
    change: (tx: Transaction) => Promise<NewEvent[]>,
  ): Promise<void> {
    const leave = async (tx: Transaction): Promise<boolean> => {
      const [row] = await lockPositions(tx, [this.run.id]);
      const leaving = mayLeave(this.run, row, isDone);
      if (leaving === undefined) throw new RunStop('lease_lost');
      if (leaving) await this.stores.mailbox.append(tx, this.run.user_id, await change(tx));
      return leaving;
    };
    return this.write(shutdown, () => this.stores.database.transaction(leave));
  }

  /** `work` says whether it wrote: what an earlier try has committed after all is in the log, but nobody was told. */
  private async write(signal: AbortSignal, work: () => Promise<boolean>): Promise<void> {
    const wrote = await untilDatabaseTakes(signal, work);
    if (!wrote) await untilDatabaseTakes(signal, () => this.stores.mailbox.announce(this.run.user_id));
  }
}
