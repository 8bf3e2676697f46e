import type { FailureRecord } from '../../errors';
import type { RunRecord } from './run-record';

/** The record as the scope `support` sees it: without private details, root cause, stack and remote address. */
export function redactedFailure<T extends FailureRecord>(record: T): T & { redacted: true } {
  return { ...record, private_details: {}, root_cause: null, stack: null, source: null, redacted: true };
}

/** The run as the scope `support` sees it: without what its tools gave back. */
export function redactedRun(run: RunRecord): RunRecord & { redacted: true } {
  const tools = run.tools.map((tool) => ({ ...tool, summary: null }));
  return { ...run, tools, redacted: true };
}
