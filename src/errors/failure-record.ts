import type { Component, ErrorCode, Severity } from '@clarion/protocol';
import type { Reason } from './catalogue';
import type { HealthWords } from './health-now';

/** All that is kept of one occurrence. Plain JSON, bounded in size, without U+0000 or lone surrogates. */
export interface FailureRecord {
  readonly support_code: string;
  readonly code: ErrorCode;
  readonly reason: Reason;
  readonly component: Component;
  readonly severity: Severity;
  /** Equal for occurrences of the same kind: 16 hex digits of reason, component and operation. */
  readonly fingerprint: string;
  readonly operation: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly occurred_at: string;
  /** Equals `occurred_at` unless `count` is above 1. */
  readonly last_at: string;
  /** How many occurrences the record stands for; above 1 only for aggregated ones. */
  readonly count: number;
  readonly user_id: string | null;
  readonly thread_id: string | null;
  readonly run_id: string | null;
  readonly job_id: string | null;
  readonly trace_id: string | null;
  readonly source: string | null;
  readonly retry_after_ms: number | null;
  /** What an end user may see. */
  readonly details: Record<string, unknown>;
  readonly private_details: Record<string, unknown>;
  /** The cause chain, outermost first, one line each; null where the error was raised by us without a cause. */
  readonly root_cause: string | null;
  readonly stack: string | null;
  /** What health looked like in the process that recorded it; null where that is not known. */
  readonly health: HealthWords | null;
  /** True: the user is owed a durable `notification` event, appended in the transaction that stores the record first. */
  readonly notify: boolean;
  /** BCP 47, for the texts of that notification; null for the default. */
  readonly locale: string | null;
}

/** Every field narrows. */
export interface FailureFilter {
  readonly code?: ErrorCode;
  readonly reason?: Reason;
  readonly component?: Component;
  readonly severity?: Severity;
  readonly fingerprint?: string;
  readonly user_id?: string;
  readonly run_id?: string;
  /** ISO 8601; inclusive. */
  readonly since?: string;
  /** ISO 8601; exclusive. */
  readonly before?: string;
  /** With `before`: those of that very millisecond whose code comes before this one follow still. */
  readonly before_code?: string;
  /** At most this many; default 50. */
  readonly limit?: number;
}

/** Failures of one kind: those of one fingerprint. */
export interface FailureGroup {
  readonly fingerprint: string;
  readonly code: ErrorCode;
  readonly reason: Reason;
  readonly component: Component;
  readonly operation: string;
  readonly severity: Severity;
  readonly count: number;
  /** Whom they concern; null where that was not counted. */
  readonly users: number | null;
  /** ISO 8601. */
  readonly first_at: string;
  readonly last_at: string;
  /** Of the latest one. */
  readonly support_code: string;
}

/** Failure records in the database. Owned here, implemented by persistence. */
export abstract class FailureRecordStore {
  /** False while the database is known to be down: records go to the spool without an attempt. */
  abstract readonly ready: boolean;

  /**
   * Stores records in one transaction, idempotent by support code: a record that exists already is left as it is, but for `count` and
   * `last_at`, which become the greater of both. Only a record that did not exist yet gives its user the notification it carries.
   * @throws the driver's error or a ComponentError of the database; then none is stored
   */
  abstract save(records: readonly FailureRecord[]): Promise<void>;

  abstract find(supportCode: string): Promise<FailureRecord | null>;

  /** Newest first; those of one millisecond by code, descending. */
  abstract list(filter: FailureFilter): Promise<FailureRecord[]>;

  /** By kind, the one that occurred last first. */
  abstract groups(filter: FailureFilter): Promise<FailureGroup[]>;
}

/** The order of lists: by time, of one millisecond by code, both descending. */
export function newestFirst(a: FailureRecord, b: FailureRecord): number {
  const [left, right] = [`${a.occurred_at} ${a.support_code}`, `${b.occurred_at} ${b.support_code}`];
  return left === right ? 0 : left < right ? 1 : -1;
}
