import { DatabaseError, type QueryResult } from 'pg';
import { ComponentError } from '../errors';
import type { Statement, Transaction } from './sql';

/** Sends a statement on the transaction's connection; `behind` so many that were not answered yet. */
type Send = (text: string, values?: readonly unknown[], behind?: number) => Promise<QueryResult>;

/** A transaction under way on a connection of its own. */
export class OpenTransaction {
  /** What fails now may have been committed: COMMIT was sent, and the server has refused nothing of what went before it. */
  committing = false;
  private finishing: Promise<unknown[][]> | null = null;
  private readonly committed: (() => void)[] = [];
  private readonly begun: Promise<QueryResult>;

  constructor(private readonly send: Send) {
    this.begun = send('BEGIN');
  }

  readonly tx: Transaction = {
    // Where BEGIN has failed it would be committed by itself.
    query: async <Row>(text: string, values: readonly unknown[] = []) => {
      await this.begun;
      this.assertOpen();
      return (await this.send(text, values)).rows as Row[];
    },
    read: async <Row>(text: string, values: readonly unknown[] = []) => {
      this.assertOpen();
      const [{ rows }] = await Promise.all([this.send(text, values), this.begun]);
      return rows as Row[];
    },
    finish: async <Rows>(statements: readonly Statement[]) => {
      this.assertOpen();
      this.finishing = this.finish(statements);
      return (await this.finishing) as Rows;
    },
    afterCommit: (listener) => void this.committed.push(listener),
  };

  /** Commits what `work` did, if it has not done so itself. */
  async run<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const [value] = await Promise.all([work(this.tx), this.begun]);
    await (this.finishing ?? this.commit(0));
    return value;
  }

  tellCommitted(): void {
    for (const listener of this.committed) listener();
  }

  private async finish(statements: readonly Statement[]): Promise<unknown[][]> {
    await this.begun;
    const answers = Promise.all(statements.map(({ text, values }, at) => this.send(text, values, at)));
    const [written, ended] = await Promise.allSettled([answers, this.commit(statements.length)]);
    if (written.status === 'rejected') {
      // What the server has refused it does not commit.
      if (written.reason instanceof DatabaseError) this.committing = false;
      throw written.reason;
    }
    if (ended.status === 'rejected') throw ended.reason;
    return written.value.map(({ rows }) => rows as unknown[]);
  }

  /** PostgreSQL answers the COMMIT of a transaction in which a statement failed with a rollback, and calls that no error. */
  private async commit(behind: number): Promise<void> {
    this.committing = true;
    const { command } = await this.send('COMMIT', [], behind);
    if (command !== 'COMMIT') throw ComponentError.database('DATABASE_QUERY_FAILED');
  }

  /** What came after COMMIT would be committed by itself. */
  private assertOpen(): void {
    if (this.finishing !== null) throw new Error('the transaction was finished before');
  }
}
