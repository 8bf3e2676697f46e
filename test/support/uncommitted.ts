import type { Transaction } from '../../src/persistence';

/** The transaction for work that ends it, without its end: what was done can still be rolled back. */
export function uncommitted(tx: Transaction): Transaction {
  const finish: Transaction['finish'] = <Rows extends unknown[][]>(statements: Parameters<Transaction['finish']>[0]) =>
    Promise.all(statements.map(({ text, values }) => tx.query(text, values))) as Promise<unknown> as Promise<Rows>;
  return { ...tx, finish };
}
