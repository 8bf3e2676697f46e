import { Injectable } from '@nestjs/common';
import type { PendingInput, RunView } from '@clarion/protocol';
import type { NewEvent } from '../mailbox';
import { Database, newId, prepared, type Sql, type Transaction } from '../persistence';
import type { HistoryMessage } from './agent';
import { ActiveRuns } from './active-runs';
import { ENDINGS, may, moves } from './run-states';
import { leaseEnds } from './lease-history';
import { RunMetrics } from './run-metrics';
import { PENDING_INPUT, RunInputs } from './run-inputs.store';
import { type Ending, hasEnded, RUN_COLUMNS, runView, type Run, type RunOutcome, usageJson } from './run';
import { RunDatabase } from './run-database.service';

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

const end = (status: RunOutcome['status']): string =>
  prepared(`
WITH written AS (DELETE FROM run_text WHERE run_id = ANY($1::uuid[]))
UPDATE runs SET ${moves(ENDINGS[status])}, ${leaseEnds(ENDINGS[status], 'e.first_output_ms')}, error = e.error, usage = coalesce(e.usage, runs.usage), final_content = e.content,
  worker_id = NULL, next_attempt_at = NULL, finished_at = now()
FROM unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::text[], $5::int[]) AS e (id, error, usage, content, first_output_ms)
WHERE runs.id = e.id AND ${may(ENDINGS[status])}
RETURNING runs.id, greatest(0, extract(epoch FROM finished_at - coalesce(started_at, created_at)) * 1000)::bigint AS duration_ms,
  (SELECT count(*) = 1 FROM (SELECT FROM runs o WHERE o.user_id = runs.user_id AND o.finished_at IS NULL LIMIT 2) AS active) AS alone`);

const END = { completed: end('completed'), failed: end('failed'), cancelled: end('cancelled') };

const MESSAGE = prepared('SELECT content FROM messages WHERE id = $1');

const ANSWER = prepared(`
INSERT INTO messages (id, user_id, thread_id, role, content, run_id)
SELECT id, user_id, thread_id, 'assistant', content, run_id
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[]) AS a (id, user_id, thread_id, content, run_id)`);

/** A run that has ended. */
export interface Ended {
  readonly events: NewEvent[];
  /** Until then its user had nothing else under way or waiting. */
  readonly alone: boolean;
}

interface EndRow {
  readonly id: string;
  readonly duration_ms: number;
  readonly alone: boolean;
}

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
    private readonly forRuns: RunDatabase,
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
    const rows = await this.forRuns.query<HistoryMessage>(HISTORY, [run.thread_id, run.message_id, limit]);
    return rows.reverse();
  }

  async messageContent(run: Run): Promise<string> {
    const [row] = await this.forRuns.query<{ content: string }>(MESSAGE, [run.message_id]);
    return row?.content ?? '';
  }

  /**
   * Ends runs whose rows the transaction has locked and found active; the last events of each. The caller appends them in the same transaction,
   * so that each run has exactly one end.
   */
  async end(tx: Transaction, ends: readonly Ending[]): Promise<Ended[]> {
    if (ends.length === 0) return [];
    const rows = new Map<string, EndRow>();
    for (const [status, alike] of Map.groupBy(ends, ({ outcome }) => outcome.status))
      for (const row of await this.endAlike(tx, status, alike)) rows.set(row.id, row);
    const answers = await insertAnswers(tx, ends);
    const ended: Ended[] = [];
    for (const { run, outcome } of ends) {
      const row = rows.get(run.id);
      if (row === undefined) throw new Error(`run ${run.id} had ended under its own lock`);
      const { duration_ms, alone } = row;
      tx.afterCommit(() => this.count(run, outcome, duration_ms));
      const last = terminalEvent(run, outcome, answers.get(run.id) ?? '', duration_ms);
      ended.push({ events: [...(await this.inputs.cancelOpen(tx, run)), last], alone });
    }
    return ended;
  }

  private endAlike(tx: Transaction, status: RunOutcome['status'], ends: readonly Ending[]): Promise<EndRow[]> {
    const outcomes = ends.map(({ outcome }) => outcome);
    return tx.query(END[status], [
      ends.map(({ run }) => run.id),
      outcomes.map((outcome) => (outcome.status === 'failed' ? JSON.stringify(outcome.error) : null)),
      ends.map(({ run, outcome }) =>
        usageJson(outcome.status === 'completed' ? outcome.usage : this.active.usage(run)),
      ),
      outcomes.map(({ content }) => content),
      ends.map(({ run }) => this.active.firstOutputMs(run)),
    ]);
  }

  private count(run: Run, { status }: RunOutcome, durationMs: number): void {
    this.metrics.runEnded(status);
    if (run.started_at !== null) this.metrics.phase('execution', durationMs);
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

/** Stores the answers of those that completed; the ids of these messages, by run. */
async function insertAnswers(tx: Transaction, ends: readonly Ending[]): Promise<Map<string, string>> {
  const completed = ends.filter(({ outcome }) => outcome.status === 'completed');
  const ids = completed.map(() => newId());
  if (completed.length > 0)
    await tx.query(ANSWER, [
      ids,
      completed.map(({ run }) => run.user_id),
      completed.map(({ run }) => run.thread_id),
      completed.map(({ outcome }) => outcome.content),
      completed.map(({ run }) => run.id),
    ]);
  return new Map(completed.map(({ run }, at) => [run.id, ids[at] ?? '']));
}

function terminalEvent(run: Run, outcome: RunOutcome, message_id: string, duration_ms: number): NewEvent {
  // A run that never started ends outside of any attempt.
  const attempt = run.attempt === 0 ? null : run.attempt;
  const place = { thread_id: run.thread_id, run_id: run.id, attempt };
  const { content } = outcome;
  switch (outcome.status) {
    case 'completed': {
      const data = { message_id, content, usage: outcome.usage, duration_ms };
      return { ...place, type: 'agent_completed', data };
    }
    case 'failed':
      return { ...place, type: 'agent_failed', data: { error: outcome.error, content } };
    case 'cancelled':
      return { ...place, type: 'agent_cancelled', data: { by: outcome.by, content } };
  }
}
