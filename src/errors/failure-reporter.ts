import type { Component, ErrorBody, ErrorEnvelope } from '@clarion/protocol';
import type { ComponentError } from './component-error';

/** What was going on when something failed. Ids are null or absent where there are none. */
export interface FailureContext {
  /** Stable name of what was being done: `socket.chat_message`, `run.execute`, `health.refresh`. */
  readonly operation: string;
  /** To which component an error belongs that does not say so itself. */
  readonly component?: Component;
  readonly user_id?: string | null;
  readonly run_id?: string | null;
  readonly thread_id?: string | null;
  readonly job_id?: string | null;
  /** Default: that of where it is reported. */
  readonly trace_id?: string | null;
  /** BCP 47, for the user's texts. */
  readonly locale?: string;
  /** Who caused it (a remote address), for aggregation. */
  readonly source?: string;
  /** True: the user gets a durable `notification` event. Only where no answer carries the failure. */
  readonly notify?: boolean;
}

/** A reported failure: what the edge shows (`error` in answers, `envelope` in events), and what the inside decides by (`cause`). */
export interface Failure {
  readonly support_code: string;
  readonly error: ErrorBody;
  readonly envelope: ErrorEnvelope;
  readonly cause: ComponentError;
}

/** Where everything that fails goes, once. */
export abstract class FailureReporter {
  /**
   * Classifies, logs, counts and records. Resolves when the record is durable, so that the support code can be looked up before
   * anybody sees it. Never throws or rejects. The same error object reported again for the same user gives the same failure back.
   */
  abstract report(error: unknown, context: FailureContext): Promise<Failure>;
}
