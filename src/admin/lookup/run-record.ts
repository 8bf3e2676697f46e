import type { DurableEventType, ErrorBody, RunStatus, Usage } from '@clarion/protocol';

/** One lease of a run: who advanced it. `left_by` is null while it lasts, and where its worker was lost. */
export interface RunLease {
  readonly worker_id: string;
  readonly host: string;
  readonly pid: number;
  readonly fence: number;
  readonly leased_at: string;
  readonly left_at: string | null;
  readonly left_by: string | null;
  readonly first_output_ms: number | null;
}

/** What became of one attempt. Several leases are one attempt where its process handed it over. */
export interface RunAttempt {
  readonly attempt: number;
  /** The event that began it, and when. */
  readonly begun_by: string | null;
  readonly begun_at: string | null;
  /** For a retry: how long it was put off. */
  readonly delay_ms: number | null;
  readonly leases: readonly RunLease[];
  /** Why it was not the last one, or what ended the run. */
  readonly failure: { readonly reason: string; readonly support_code: string } | null;
}

export interface RunStep {
  readonly key: string;
  readonly attempt: number;
  readonly state: 'started' | 'completed';
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly duration_ms: number | null;
}

export interface RunTool {
  readonly tool_call_id: string;
  readonly tool: string;
  readonly attempt: number | null;
  readonly started_at: string;
  /** Null: it has not come back, or its attempt ended before. */
  readonly ok: boolean | null;
  readonly duration_ms: number | null;
  readonly summary: string | null;
  readonly support_code: string | null;
}

/** An event of the run in its user's mailbox, without its content. */
export interface RunEvent {
  readonly seq: number;
  readonly type: DurableEventType;
  readonly attempt: number | null;
  readonly path: string | null;
  readonly at: string;
}

export interface RunError {
  readonly support_code: string;
  readonly reason: string;
  readonly severity: string;
  readonly operation: string;
  readonly occurred_at: string;
}

/** The moments of a run, and what lay between them in milliseconds; null for what has not happened, or is not known any more. */
export interface RunPhases {
  readonly created_at: string;
  /** When a worker was woken last. */
  readonly dispatched_at: string | null;
  readonly leased_at: string | null;
  readonly first_output_at: string | null;
  readonly finished_at: string | null;
  readonly queued_ms: number | null;
  readonly first_output_ms: number | null;
  readonly total_ms: number | null;
}

interface RunFacts {
  readonly user_id: string;
  readonly thread_id: string;
  readonly message_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly max_attempts: number;
}

/** The whole life of a run. Times in ISO 8601, UTC. */
export interface RunRecord extends RunFacts {
  readonly run_id: string;
  /** The job that woke a worker last. */
  readonly job_id: string | null;
  readonly retry_of: string | null;
  readonly retried_by: string | null;
  readonly phases: RunPhases;
  readonly attempts: readonly RunAttempt[];
  readonly steps: readonly RunStep[];
  readonly tools: readonly RunTool[];
  /** Tokens and cost; null where no model was asked, or the run has not completed. */
  readonly usage: Usage | null;
  /** What ended it, where that was a failure. */
  readonly error: { readonly reason: string; readonly support_code: string } | null;
  readonly errors: readonly RunError[];
  readonly events: readonly RunEvent[];
  /** What can not be told, and why; one sentence each. */
  readonly missing: readonly string[];
}

export interface RunRow extends RunFacts {
  readonly id: string;
  readonly dispatch: number;
  readonly dispatched_at: Date | null;
  readonly retry_of: string | null;
  readonly retried_by: string | null;
  readonly failures: readonly { attempt: number; reason: string; support_code: string }[];
  readonly leases: readonly (Omit<RunLease, 'left_at' | 'left_by' | 'first_output_ms'> & {
    readonly attempt: number;
    readonly left_at?: string;
    readonly left_by?: string;
    readonly first_output_ms?: number;
  })[];
  readonly error: ErrorBody | null;
  readonly usage: Usage | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export interface EventRow {
  readonly seq: number;
  readonly type: DurableEventType;
  readonly attempt: number | null;
  readonly path: string | null;
  readonly created_at: Date;
  // Whatever an event of its type holds; nothing once its thread was deleted.
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RunRows {
  readonly run: RunRow;
  readonly steps: readonly (Omit<RunStep, 'started_at' | 'finished_at' | 'duration_ms'> & {
    readonly started_at: Date;
    readonly finished_at: Date | null;
  })[];
  readonly events: readonly EventRow[];
  readonly errors: readonly (Omit<RunError, 'occurred_at'> & { readonly occurred_at: Date })[];
  readonly maxEvents: number;
}
