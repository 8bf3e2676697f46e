import { Injectable } from '@nestjs/common';
import type { Sql, Transaction } from '../persistence';
import { ActiveRuns } from './active-runs';
import { AgentRegistry } from './agent-registry';
import type { Run } from './run';
import { RunSteps } from './run-steps.store';

/** What of the answer is checkpointed, and goes from one attempt to the next. */
@Injectable()
export class AttemptText {
  constructor(
    private readonly registry: AgentRegistry,
    private readonly steps: RunSteps,
    private readonly active: ActiveRuns,
  ) {}

  /**
   * Keeps for the attempt that `run` has just begun what it can continue from: the answer up to the last completed step, where the agent continues
   * answers, else nothing. @returns `keep_index`
   */
  async carryOver(tx: Transaction, run: Run): Promise<number> {
    const length = this.registry.continues(run.agent) ? await this.steps.lengthReached(tx, run) : 0;
    const kept = length === 0 ? '' : (await this.of(tx, { id: run.id, attempt: run.attempt - 1 })).slice(0, length);
    await tx.query('DELETE FROM run_text WHERE run_id = $1 AND attempt < $2', [run.id, run.attempt]);
    if (kept === '') return 0;
    await tx.query('INSERT INTO run_text (run_id, attempt, index, text) VALUES ($1, $2, 0, $3)', [
      run.id,
      run.attempt,
      kept,
    ]);
    return kept.length;
  }

  /** What has been written of the answer, from this process's memory where it is newer than the checkpoint. */
  async newest(sql: Sql, run: Run): Promise<string> {
    return this.active.text(run) ?? this.of(sql, run);
  }

  /** What is checkpointed of the answer of an attempt. */
  async of(sql: Sql, { id, attempt }: Pick<Run, 'id' | 'attempt'>): Promise<string> {
    const [row] = await sql.query<{ text: string | null }>(
      `SELECT string_agg(text, '' ORDER BY index) AS text FROM run_text WHERE run_id = $1 AND attempt = $2`,
      [id, attempt],
    );
    return row?.text ?? '';
  }
}
