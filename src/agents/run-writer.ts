import type { MailboxStore, NewEvent } from '../mailbox';
import type { Database, Transaction } from '../persistence';
import { RunStop } from './active-runs';
import type { NextAttempt, NextAttempts } from './next-attempts.service';
import { hasEnded, type Run, type RunOutcome } from './run';
import type { RunEnding } from './run-ending.service';
import type { AskedQuestion } from './questions';
import type { AskingRun, RunQuestions } from './run-questions.service';
import type { RunSteps, StepMarks } from './run-steps.store';
import { untilDatabaseTakes } from './until';

/** The stores that a writer writes to. */
export interface WriterStores {
  readonly database: Database;
  readonly mailbox: MailboxStore;
  readonly ending: RunEnding;
  readonly next: NextAttempts;
  readonly steps: RunSteps;
  readonly questions: RunQuestions;
}

type Position = Pick<Run, 'status' | 'fence' | 'attempt' | 'final_content'>;

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
   * Appends events of the running attempt, with what they tell of steps, after what was appended before; gives up when `signal` is aborted.
   * @throws RunStop when the lease is lost
   */
  append(events: readonly NewEvent[], signal: AbortSignal, steps?: StepMarks): Promise<void> {
    const mine = this.last.then(() => this.appendNow(events, signal, steps));
    this.last = Promise.allSettled([mine]);
    return mine;
  }

  private async appendNow(events: readonly NewEvent[], signal: AbortSignal, steps?: StepMarks): Promise<void> {
    signal.throwIfAborted();
    const number = this.written + 1;
    await this.write(signal, async (tx) => {
      if ((await this.claim(tx, number)) === 'repeated') return false;
      if (steps) await this.stores.steps.record(tx, this.run, steps);
      if (events.length > 0) await this.stores.mailbox.append(tx, this.run.user_id, events);
      return true;
    });
    this.written = number;
  }

  /**
   * Ends the run. Waits for the database until this process stops: nobody else ends a run whose worker lives.
   * @param shutdown aborted when this process stops
   * @throws RunStop
   */
  end(outcome: RunOutcome, shutdown: AbortSignal): Promise<void> {
    const isDone = (row: Position): boolean =>
      hasEnded(row) && row.status === outcome.status && row.final_content === outcome.content;
    return this.leave(shutdown, isDone, (tx) => this.stores.ending.end(tx, this.run, outcome));
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
    return this.write(shutdown, async (tx) => {
      const [row] = await tx.query<Position>(
        'SELECT status, fence, attempt, final_content FROM runs WHERE id = $1 FOR UPDATE',
        [this.run.id],
      );
      if (row?.fence !== this.run.fence) throw new RunStop('lease_lost');
      if (isDone(row)) return false;
      if (row.status !== 'running') throw new RunStop('lease_lost');
      await this.stores.mailbox.append(tx, this.run.user_id, await change(tx));
      return true;
    });
  }

  /** `work` says whether it wrote: what an earlier try has committed after all is in the log, but nobody was told. */
  private async write(signal: AbortSignal, work: (tx: Transaction) => Promise<boolean>): Promise<void> {
    const { database, mailbox } = this.stores;
    const wrote = await untilDatabaseTakes(signal, () => database.transaction(work));
    if (!wrote) await untilDatabaseTakes(signal, () => mailbox.announce(this.run.user_id));
  }

  /** Takes the write's number; `repeated` when an earlier try of the same write has committed after all. */
  private async claim(tx: Transaction, number: number): Promise<'new' | 'repeated'> {
    const [run] = await tx.query<{ writes: number }>(
      `UPDATE runs SET writes = greatest(writes, $3) FROM (SELECT id, writes AS before FROM runs WHERE id = $1 FOR UPDATE) AS old
       WHERE runs.id = old.id AND runs.fence = $2 AND runs.status = 'running' RETURNING old.before AS writes`,
      [this.run.id, this.run.fence, number],
    );
    if (run === undefined) throw new RunStop('lease_lost');
    return run.writes >= number ? 'repeated' : 'new';
  }
}
