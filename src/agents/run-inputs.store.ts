import type { PendingInput } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { ComponentError } from '../errors';
import type { NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import type { AskedQuestion } from './questions';
import type { Run } from './run';

/** As many questions may a run ask: every wait has a limit, and so has their number. */
const MAX_QUESTIONS = 100;

export type InputOutcome = 'submitted' | 'expired' | 'cancelled';

/** A question as it is stored. */
export interface StoredInput {
  readonly id: string;
  readonly key: string;
  readonly text_length: number;
  readonly schema: Record<string, unknown>;
  /** Null while it is open. */
  readonly outcome: InputOutcome | null;
  /** What was submitted, as JSON text. */
  readonly value: string | null;
  /** Its time is over, by the database's clock. */
  readonly overdue: boolean;
  /** How long it was to be open. */
  readonly timeout_ms: number;
}

/** An open question whose time is over. */
export interface DueInput {
  readonly id: string;
  readonly run_id: string;
  readonly user_id: string;
}

/** SQL: the open question of run `r`, or null. */
export const PENDING_INPUT = `
(SELECT json_build_object('input_id', i.id, 'prompt', i.prompt, 'schema', i.schema, 'expires_at', i.expires_at)
 FROM run_inputs i WHERE i.run_id = r.id AND i.outcome IS NULL)`;

const INSERT = `
INSERT INTO run_inputs (id, run_id, key, text_length, prompt, schema, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 millisecond') RETURNING expires_at`;

const FIND = `
SELECT id, key, text_length, schema, outcome, value, expires_at <= now() AS overdue,
  (extract(epoch FROM expires_at - created_at) * 1000)::int8 AS timeout_ms
FROM run_inputs WHERE id = $1 AND run_id = $2`;

const CLOSE = `UPDATE run_inputs SET outcome = $2, value = $3, resolved_at = now() WHERE id = $1 AND outcome IS NULL`;

/** The questions of runs. Who writes here has locked the run: its lock decides between an answer, the end of the time, and that of the run. */
@Injectable()
export class RunInputs {
  constructor(private readonly database: Database) {}

  /** @throws ComponentError AGENT_OUTPUT_INVALID for a run that asks without end */
  async open(tx: Transaction, run: Run, question: AskedQuestion, textLength: number): Promise<PendingInput> {
    const [asked] = await tx.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM run_inputs WHERE run_id = $1',
      [run.id],
    );
    if ((asked?.count ?? 0) >= MAX_QUESTIONS) {
      const details = { agent: run.agent, questions: MAX_QUESTIONS };
      throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', { details });
    }
    const { key, prompt, schema, expiresInMs } = question;
    const id = uuidv7();
    const values = [id, run.id, key, textLength, prompt, JSON.stringify(schema), expiresInMs];
    const [row] = await tx.query<{ expires_at: Date }>(INSERT, values);
    if (row === undefined) throw new Error(`question ${id} was not stored`);
    return { input_id: id, prompt, schema, expires_at: row.expires_at.toISOString() };
  }

  async find(tx: Transaction, runId: string, inputId: string): Promise<StoredInput | null> {
    const [input] = await tx.query<StoredInput>(FIND, [inputId, runId]);
    return input ?? null;
  }

  /** @param value what was submitted, as JSON text */
  async close(tx: Transaction, run: Run, inputId: string, outcome: InputOutcome, value?: string): Promise<NewEvent> {
    await tx.query(CLOSE, [inputId, outcome, value ?? null]);
    return resolved(run, inputId, outcome);
  }

  /** Closes what a run that ends still asks; the caller appends the event before that of the end. */
  async cancelOpen(tx: Transaction, run: Run): Promise<NewEvent[]> {
    if (run.status !== 'waiting') return [];
    const open = await tx.query<{ id: string }>('SELECT id FROM run_inputs WHERE run_id = $1 AND outcome IS NULL', [
      run.id,
    ]);
    return Promise.all(open.map(({ id }) => this.close(tx, run, id, 'cancelled')));
  }

  due(limit: number): Promise<DueInput[]> {
    return this.database.query<DueInput>(
      `SELECT i.id, i.run_id, r.user_id FROM run_inputs i JOIN runs r ON r.id = i.run_id
       WHERE i.outcome IS NULL AND i.expires_at <= now() ORDER BY i.expires_at LIMIT $1`,
      [limit],
    );
  }
}

function resolved({ thread_id, id: run_id, attempt }: Run, input_id: string, outcome: InputOutcome): NewEvent {
  return { thread_id, run_id, attempt, type: 'input_resolved', data: { input_id, outcome } };
}
