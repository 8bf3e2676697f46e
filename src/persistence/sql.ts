const names = new Map<string, string>();

/** Marks a constant statement that runs often: PostgreSQL parses it once for each connection. Planned it is every time, for tables as they are by then. */
export function prepared(text: string): string {
  if (!names.has(text)) names.set(text, `clarion_${names.size}`);
  return text;
}

/** The name under which a connection keeps the statement; undefined for one that is not kept. */
export function preparedName(text: string): string | undefined {
  return names.get(text);
}

/** The URL with a setting: a plan that is kept was made for tables that were empty then, or smaller. */
export function plannedAnew(url: string): string {
  const told = new URL(url);
  const options = [told.searchParams.get('options'), '-c plan_cache_mode=force_custom_plan'];
  told.searchParams.set('options', options.filter((option) => option !== null).join(' '));
  return told.href;
}

/** Runs one statement with positional parameters and gives its rows. */
export interface Sql {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** A statement that is to be sent, with its positional parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Statements that commit together. */
export interface Transaction extends Sql {
  /** For a first statement that changes nothing: it goes together with BEGIN. */
  read<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The last statements, which COMMIT follows at once; where one fails nothing is committed. @returns the rows of each */
  finish<Rows extends unknown[][]>(statements: readonly Statement[]): Promise<Rows>;
  /** Runs `work` once the commit is known to have happened; never after a rollback. `work` must not throw. */
  afterCommit(work: () => void): void;
}
