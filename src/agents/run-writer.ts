import type { MailboxStore, NewEvent } from '../mailbox';
import type { Database, Transaction } from '../persistence';
import { RunStop } from './active-runs';
import { hasEnded, type Run, type RunOutcome } from './run';
import type { RunEnding } from './run-ending.service';
import { untilDatabaseTakes } from './until';

/** The stores that a writer writes to. */
export interface WriterStores {
  readonly database: Database;
  readonly mailbox: MailboxStore;
  readonly ending: RunEnding;
}

/**
 * Durable writes of one attempt, under its fencing token. Each is numbered: one whose outcome was unknown is repeated under the same number,
 * and recognised when it had happened. While the database is away a write waits for it.
 */
export class RunWriter {
  private written = 0;

  constructor(
    private readonly run: Run,
    private readonly stores: WriterStores,
  ) {}

  /** Appends events of the running attempt; gives up when `signal` is aborted. @throws RunStop when the lease is lost */
  async append(events: readonly NewEvent[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const number = this.written + 1;
    await this.write(signal, async (tx) => {
      if ((await this.claim(tx, number)) === 'repeated') return false;
      await this.stores.mailbox.append(tx, this.run.user_id, events);
      return true;
    });
    this.written = number;
  }

  /**
   * Ends the run. Waits for the database until this process stops: nobody else ends a run whose worker lives.
   * @param shutdown aborted when this process stops
   * @throws RunStop
   */
  async end(outcome: RunOutcome, shutdown: AbortSignal): Promise<void> {
    const { mailbox, ending } = this.stores;
    await this.write(shutdown, async (tx) => {
      const locked = await this.lockOwn(tx, outcome);
      if (locked === null) return false;
      await mailbox.append(tx, this.run.user_id, [await ending.end(tx, locked, outcome)]);
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

  /** The run under lock if it is still ours; null when this very end has been committed by an earlier try. */
  private async lockOwn(tx: Transaction, outcome: RunOutcome): Promise<Run | null> {
    const [row] = await tx.query<Pick<Run, 'status' | 'fence' | 'final_content'>>(
      'SELECT status, fence, final_content FROM runs WHERE id = $1 FOR UPDATE',
      [this.run.id],
    );
    if (row?.fence === this.run.fence && row.status === 'running') return this.run;
    const ours = row !== undefined && hasEnded(row) && row.fence === this.run.fence && row.status === outcome.status;
    if (ours && row.final_content === outcome.content) return null;
    throw new RunStop('lease_lost');
  }
}
