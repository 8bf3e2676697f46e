import type { DurableEvent, RunStatus } from '@clarion/protocol';

/** A message and its run as the database has them. */
export interface StoredRun {
  readonly client_message_id: string;
  readonly message_id: string;
  readonly run_id: string;
  readonly status: RunStatus;
}

/** The truth about a user: the whole mailbox, read anew, and the rows. */
export interface Truth {
  /** With what retention has removed, as it was then. */
  readonly log: readonly DurableEvent[];
  /** `seq` of what retention has removed -> when, in wall clock milliseconds. */
  readonly trimmed: ReadonlyMap<number, number>;
  readonly stored: readonly StoredRun[];
  /** Threads of which any row is left. */
  readonly threads: readonly string[];
}
