import { Injectable } from '@nestjs/common';
import type { Transaction } from '../persistence';
import type { Run } from './run';
import { RunDatabase } from './run-database.service';

/** What became of a step. `result` is JSON text, null for no value. */
export type StepMark =
  | { readonly key: string; readonly state: 'started' | 'failed' }
  | { readonly key: string; readonly state: 'completed'; readonly result: string | null };

/** What is written of a step. `text_length`: that of the answer so far, in UTF-16 units. */
export interface StepNote {
  readonly mark: StepMark;
  readonly text_length: number;
}

/** A step as an earlier attempt has left it. */
export interface StoredStep {
  readonly key: string;
  readonly state: 'started' | 'completed';
  readonly result: string | null;
  /** The attempt that has begun it last. */
  readonly attempt: number;
}

const WRITE = `
INSERT INTO run_steps AS s (run_id, key, attempt, state, result, text_length, finished_at)
SELECT run_id, key, attempt, state, result, text_length, CASE state WHEN 'completed' THEN now() END
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::int[]) AS n (run_id, key, attempt, state, result, text_length)
ON CONFLICT (run_id, key) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, result = excluded.result,
  text_length = excluded.text_length, finished_at = excluded.finished_at,
  started_at = CASE excluded.state WHEN 'started' THEN now() ELSE s.started_at END`;

const FORGET = `DELETE FROM run_steps WHERE (run_id, key) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))`;

/** The steps of runs. An agent knows its own: another one that takes over begins without. */
@Injectable()
export class RunSteps {
  constructor(private readonly database: RunDatabase) {}

  /** In a transaction that has locked the runs, of each one step at most. One that has failed is as if it had never begun. */
  async record(tx: Transaction, notes: readonly ({ readonly run: Run } & StepNote)[]): Promise<void> {
    const failed = notes.filter(({ mark }) => mark.state === 'failed');
    const kept = notes.filter(({ mark }) => mark.state !== 'failed');
    if (failed.length > 0) await tx.query(FORGET, placesOf(failed));
    if (kept.length === 0) return;
    await tx.query(WRITE, [
      ...placesOf(kept),
      kept.map(({ run }) => run.attempt),
      kept.map(({ mark }) => mark.state),
      kept.map(({ mark }) => (mark.state === 'completed' ? mark.result : null)),
      kept.map(({ mark, text_length }) => (mark.state === 'completed' ? text_length : null)),
    ]);
  }

  /** What earlier attempts of the run's agent have begun; what is completed comes first, in the order in which it was. */
  async load(run: Run): Promise<StoredStep[]> {
    const prefix = stored(run, '');
    const rows = await this.database.query<StoredStep>(
      'SELECT key, state, result, attempt FROM run_steps WHERE run_id = $1 AND starts_with(key, $2) ORDER BY finished_at',
      [run.id, prefix],
    );
    return rows.map((row) => ({ ...row, key: row.key.slice(prefix.length) }));
  }

  /** How long the answer was when the last step of the run's agent completed. */
  async lengthReached(tx: Transaction, run: Run): Promise<number> {
    const [row] = await tx.query<{ length: number | null }>(
      `SELECT max(text_length) AS length FROM run_steps WHERE run_id = $1 AND starts_with(key, $2) AND state = 'completed'`,
      [run.id, stored(run, '')],
    );
    return row?.length ?? 0;
  }
}

/** The runs, and the keys under which these steps of theirs are stored. */
function placesOf(notes: readonly ({ readonly run: Run } & StepNote)[]): [string[], string[]] {
  return [notes.map(({ run }) => run.id), notes.map(({ run, mark }) => stored(run, mark.key))];
}

/** Names of agents contain no slash. */
function stored({ agent }: Run, key: string): string {
  return `${agent}/${key}`;
}
