import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../persistence';
import type { Run } from './run';

/** What became of a step. `result` is JSON text, null for no value. */
export type StepMark =
  | { readonly key: string; readonly state: 'started' | 'failed' }
  | { readonly key: string; readonly state: 'completed'; readonly result: string | null };

/** What is written of steps at once. `text_length`: that of the answer so far, in UTF-16 units. */
export interface StepMarks {
  readonly marks: readonly StepMark[];
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
VALUES ($1, $2, $3, $4::text, $5, $6, CASE $4::text WHEN 'completed' THEN now() END)
ON CONFLICT (run_id, key) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, result = excluded.result,
  text_length = excluded.text_length, finished_at = excluded.finished_at,
  started_at = CASE excluded.state WHEN 'started' THEN now() ELSE s.started_at END`;

/** The steps of runs. An agent knows its own: another one that takes over begins without. */
@Injectable()
export class RunSteps {
  constructor(private readonly database: Database) {}

  /** In a transaction that holds the run's lease. A step that has failed is as if it had never begun. */
  async record(tx: Transaction, run: Run, { marks, text_length }: StepMarks): Promise<void> {
    for (const mark of marks) {
      const key = stored(run, mark.key);
      if (mark.state === 'failed') {
        await tx.query('DELETE FROM run_steps WHERE run_id = $1 AND key = $2', [run.id, key]);
        continue;
      }
      const done = mark.state === 'completed' ? [mark.result, text_length] : [null, null];
      await tx.query(WRITE, [run.id, key, run.attempt, mark.state, ...done]);
    }
  }

  /** What earlier attempts of the run's agent have begun. */
  async load(run: Run): Promise<StoredStep[]> {
    const prefix = stored(run, '');
    const rows = await this.database.query<StoredStep>(
      'SELECT key, state, result, attempt FROM run_steps WHERE run_id = $1 AND starts_with(key, $2)',
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

/** Names of agents contain no slash. */
function stored({ agent }: Run, key: string): string {
  return `${agent}/${key}`;
}
