import { closeCode, type ErrorBody, type ErrorEnvelope, type Severity } from '@clarion/protocol';
import { CATALOGUE } from './catalogue';
import { userText } from './catalogue/texts';
import type { FailureRecord } from './failure-record';

interface BodyOptions {
  /** BCP 47, for the user's texts; default: the record's. */
  readonly locale?: string | null;
  /** Show private details and the root cause: for admins, or in development. Default false. */
  readonly exposeRootCause?: boolean;
}

/** What of a record goes on the wire. Without `exposeRootCause` nothing in it is private. */
export function bodyOfRecord(record: FailureRecord, options: BodyOptions = {}): ErrorBody {
  const definition = CATALOGUE[record.reason];
  const exposed = options.exposeRootCause ?? false;
  const details = exposed ? { ...record.private_details, ...record.details } : record.details;
  return {
    code: record.code,
    component: record.component,
    reason: record.reason,
    message: definition.message,
    user_id: record.user_id,
    timestamp: record.occurred_at,
    details: Object.keys(details).length === 0 ? null : details,
    root_cause: exposed ? record.root_cause : null,
    severity: record.severity,
    retryable: definition.retryable,
    retry_after_ms: record.retry_after_ms,
    close_code: closeCode(record.code, definition.reconnect),
    support_code: record.support_code,
    trace_id: record.trace_id,
    run_id: record.run_id,
    thread_id: record.thread_id,
    help_url: `/errors/${record.reason}`,
    user_notification: {
      ...userText(record.reason, options.locale ?? record.locale, record.details),
      severity: severityForUser(record.severity),
      support_code: record.support_code,
    },
  };
}

export function envelopeOf(error: ErrorBody): ErrorEnvelope {
  return { type: 'error', error };
}

/** What is critical to those who run Clarion is an error to those who use it. */
function severityForUser(severity: Severity): Severity {
  return severity === 'critical' ? 'error' : severity;
}
