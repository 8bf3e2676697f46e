import { Injectable } from '@nestjs/common';
import type { PendingInput, RunView } from '@clarion/protocol';
import { v7 as uuidv7 } from 'uuid';
import type { NewEvent } from '../mailbox';
import { Database, type Sql, type Transaction } from '../persistence';
import type { HistoryMessage } from './agent';
import { ActiveRuns } from './active-runs';
import { ENDINGS, may, moves } from './run-states';
import { leaseEnds } from './lease-history';
import { RunMetrics } from './run-metrics';
import { PENDING_INPUT, RunInputs } from './run-inputs.store';
import { hasEnded, RUN_COLUMNS, runView, type Run, type RunOutcome } from './run';

const EARLIER_ACTIVE = `SELECT 1 FROM runs o WHERE o.thread_id = r.thread_id AND o.finished_at IS NULL AND o.ordinal < r.ordinal`;

/**
 * In the order of commits, which clocks do not know: that of the run that a message began. An answer stands with its question, also where the
 * next message came before it, or a retry gave it later.
 */
const HISTORY = `
SELECT m.role, m.content FROM messages m
JOIN runs r ON r.id = m.run_id JOIN messages question ON question.id = r.message_id JOIN runs began ON began.id = question.run_id
WHERE m.thread_id = $1
  AND began.ordinal < (SELECT o.ordinal FROM messages own JOIN runs o ON o.id = own.run_id WHERE own.id = $2)
ORDER BY began.ordinal DESC, m.role = 'user' LIMIT $3`;

/** A run with the number of those before it, its open question, and what is checkpointed of its answer. */
type ViewRow = Run & { position: number; pending: PendingInput | null; written: string | null };

/** Reads runs, and ends them. */
@Injectable()
export class RunStore {
  constructor(
    private readonly database: Database,
    private readonly active: ActiveRuns,
    private readonly inputs: RunInputs,
    private readonly metrics: RunMetrics,
  ) {}

  /** The user's run under a row lock, or null: somebody else's counts as missing. */
  async lock(tx: Transaction, runId: string, userId: string): Promise<Run | null> {
    const [run] = await tx.query<Run>(`SELECT ${RUN_COLUMNS} FROM runs WHERE id = $1 AND user_id = $2 FOR UPDATE`, [
      runId,
      userId,
    ]);
    return run ?? null;
  }

  /** The runs of these threads that have not ended, in their order, under row locks. */
  async lockActive(tx: Transaction, threadIds: readonly string[]): Promise<Run[]> {
    const text = `SELECT ${RUN_COLUMNS} FROM runs WHERE thread_id = ANY($1::uuid[]) AND finished_at IS NULL ORDER BY id FOR UPDATE`;
    return (await tx.query<Run>(text, [threadIds])).sort((a, b) => a.ordinal - b.ordinal);
  }

  /** The run as its user sees it, or null. */
  async view(userId: string, runId: string): Promise<RunView | null> {
    const [view] = await this.views(this.database, 'r.id = $2 AND r.user_id = $1', [userId, runId]);
    return view ?? null;
  }

  /** These users' runs that have not ended, for the snapshots of new connections. Who has none is left out. */
  async activeViews(sql: Sql, userIds: readonly string[]): Promise<Map<string, RunView[]>> {
    const rows = await this.viewRows(sql, 'r.user_id = ANY($1::text[]) AND r.finished_at IS NULL', [userIds]);
    const views = Map.groupBy(rows, ({ user_id }) => user_id);
    return new Map([...views].map(([userId, own]) => [userId, own.map((row) => this.viewOf(row))]));
  }

  /** The runs that answer these messages, in their order. */
  async answeringViews(sql: Sql, messageIds: readonly string[]): Promise<RunView[]> {
    return this.views(sql, 'r.message_id = ANY($1::uuid[])', [messageIds]);
  }

  /** The messages of the run's thread before the run's own, each with its answer, oldest first. */
  async history(run: Run, limit: number): Promise<HistoryMessage[]> {
    const rows = await this.database.query<HistoryMessage>(HISTORY, [run.thread_id, run.message_id, limit]);
    return rows.reverse();
  }

  async messageContent(run: Run): Promise<string> {
    const [row] = await this.database.query<{ content: string }>('SELECT content FROM messages WHERE id = $1', [
      run.message_id,
    ]);
    return row?.content ?? '';
  }

  /**
   * Ends a run whose row the transaction has locked and found active. The caller appends the events in the same transaction, so
   * that the run has exactly one end.
   */
  async end(tx: Transaction, run: Run, outcome: RunOutcome): Promise<NewEvent[]> {
    const error = outcome.status === 'failed' ? JSON.stringify(outcome.error) : null;
    const usage = outcome.status === 'completed' && outcome.usage ? JSON.stringify(outcome.usage) : null;
    const [ended] = await tx.query<{ duration_ms: number }>(
      `UPDATE runs SET ${moves(ENDINGS[outcome.status])}, ${leaseEnds(ENDINGS[outcome.status], '$5')}, error = $2, usage = $3, final_content = $4, worker_id = NULL, next_attempt_at = NULL,
         finished_at = now()
       WHERE id = $1 AND ${may(ENDINGS[outcome.status])}
       RETURNING greatest(0, extract(epoch FROM finished_at - coalesce(started_at, created_at)) * 1000)::bigint AS duration_ms`,
      [run.id, error, usage, outcome.content, this.active.firstOutputMs(run)],
    );
    if (ended === undefined) throw new Error(`run ${run.id} had ended under its own lock`);
    tx.afterCommit(() => this.count(run, outcome, ended.duration_ms));
    await tx.query('DELETE FROM run_text WHERE run_id = $1', [run.id]);
    const messageId = outcome.status === 'completed' ? await this.insertAnswer(tx, run, outcome.content) : null;
    return [...(await this.inputs.cancelOpen(tx, run)), terminalEvent(run, outcome, messageId, ended.duration_ms)];
  }

  private count(run: Run, { status }: RunOutcome, durationMs: number): void {
    this.metrics.runEnded(status);
    if (run.started_at !== null) this.metrics.phase('execution', durationMs);
  }

  private async insertAnswer(tx: Transaction, run: Run, content: string): Promise<string> {
    const id = uuidv7();
    await tx.query(
      `INSERT INTO messages (id, user_id, thread_id, role, content, run_id) VALUES ($1, $2, $3, 'assistant', $4, $5)`,
      [id, run.user_id, run.thread_id, content, run.id],
    );
    return id;
  }

  private async views(sql: Sql, where: string, values: unknown[]): Promise<RunView[]> {
    return (await this.viewRows(sql, where, values)).map((row) => this.viewOf(row));
  }

  private viewRows(sql: Sql, where: string, values: unknown[]): Promise<ViewRow[]> {
    return sql.query<ViewRow>(
      `SELECT ${RUN_COLUMNS},
         (SELECT count(*)::int FROM (${EARLIER_ACTIVE}) AS earlier) AS position, ${PENDING_INPUT} AS pending,
         (SELECT string_agg(text, '' ORDER BY index) FROM run_text t WHERE t.run_id = r.id AND t.attempt = r.attempt) AS written
       FROM runs r WHERE ${where} ORDER BY ordinal`,
      values,
    );
  }

  /** With the text in this process's memory, where the run is advanced here: it is newer than the checkpoint. */
  private viewOf(row: ViewRow): RunView {
    if (hasEnded(row)) return runView(row, row.final_content ?? '', 0, null);
    return runView(row, this.active.text(row) ?? row.written ?? '', row.position, row.pending);
  }
}

function terminalEvent(run: Run, outcome: RunOutcome, messageId: string | null, durationMs: number): NewEvent {
  // A run that never started ends outside of any attempt.
  const attempt = run.attempt === 0 ? null : run.attempt;
  const place = { thread_id: run.thread_id, run_id: run.id, attempt };
  const { content } = outcome;
  switch (outcome.status) {
    case 'completed': {
      const data = { message_id: messageId ?? '', content, usage: outcome.usage, duration_ms: durationMs };
      return { ...place, type: 'agent_completed', data };
    }
    case 'failed':
      return { ...place, type: 'agent_failed', data: { error: outcome.error, content } };
    case 'cancelled':
      return { ...place, type: 'agent_cancelled', data: { by: outcome.by, content } };
  }
}
