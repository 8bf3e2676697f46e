import {
  TERMINAL_STATUSES,
  type ErrorBody,
  type PendingInput,
  type RunStatus,
  type RunView,
  type Usage,
} from '@clarion/protocol';

/** Why an attempt of a run was not its last one. */
export interface AttemptFailure {
  readonly attempt: number;
  readonly agent: string;
  readonly reason: string;
  readonly support_code: string;
}

/** A row of `runs`. */
export interface Run {
  readonly id: string;
  readonly ordinal: number;
  readonly user_id: string;
  readonly thread_id: string;
  readonly message_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly dispatch: number;
  readonly worker_id: string | null;
  readonly fence: number;
  readonly writes: number;
  readonly error: ErrorBody | null;
  readonly failures: readonly AttemptFailure[];
  /** Of all attempts, as of the last durable write. */
  readonly usage: Usage | null;
  readonly final_content: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export const RUN_COLUMNS = `id, ordinal, user_id, thread_id, message_id, agent, status, attempt, max_attempts, dispatch, worker_id, fence, writes,
  error, failures, usage, final_content, created_at, started_at, finished_at`;

/** How a run ends; each becomes exactly one terminal event. */
export type RunOutcome =
  | { readonly status: 'completed'; readonly content: string; readonly usage: Usage | null }
  | { readonly status: 'failed'; readonly content: string; readonly error: ErrorBody }
  | { readonly status: 'cancelled'; readonly content: string; readonly by: string };

/** A run, and how it ends. */
export interface Ending {
  readonly run: Run;
  readonly outcome: RunOutcome;
}

/** Nobody has advanced the run before: there is nothing of it but its message. */
export function isFirstLease({ fence }: Pick<Run, 'fence'>): boolean {
  return fence === 1;
}

export function hasEnded(run: Pick<Run, 'status'>): boolean {
  return TERMINAL_STATUSES.has(run.status);
}

/** The run as clients see it. `text` is what has been written of the answer, `position` the number of runs before it. */
export function runView(run: Run, text: string, position: number, pending: PendingInput | null): RunView {
  return {
    run_id: run.id,
    thread_id: run.thread_id,
    message_id: run.message_id,
    agent: run.agent,
    status: run.status,
    attempt: run.attempt,
    index: text.length,
    text,
    position,
    pending_input: pending && { ...pending, expires_at: new Date(pending.expires_at).toISOString() },
    error: run.error,
    created_at: run.created_at.toISOString(),
    started_at: run.started_at?.toISOString() ?? null,
    finished_at: run.finished_at?.toISOString() ?? null,
  };
}

/** As a parameter of a statement, where null leaves what is stored. */
export function usageJson(usage: Usage | null | undefined): string | null {
  return usage ? JSON.stringify(usage) : null;
}
