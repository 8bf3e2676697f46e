/** Runs one statement with positional parameters and gives its rows. */
export interface Sql {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** Statements that commit together. */
export interface Transaction extends Sql {
  /** Runs `work` once the commit is known to have happened; never after a rollback. `work` must not throw. */
  afterCommit(work: () => void): void;
}
