import type { AlertState } from './lifecycle';
import type { AlertAction, AlertNotice } from './notice';

/** What is said about an alert now. */
export function noticeOf(source: string, alert: AlertState, action: AlertAction): AlertNotice {
  const { id, rule, group, component, severity, summary, details, opened_at, resolved_at, acknowledged_by } = alert;
  return {
    action,
    alert_id: id,
    dedup_key: `${source}/${rule}/${group}`,
    source,
    rule,
    group,
    component,
    severity,
    summary,
    details,
    opened_at: new Date(opened_at).toISOString(),
    resolved_at: resolved_at === null ? null : new Date(resolved_at).toISOString(),
    acknowledged_by,
  };
}
