import type { Severity } from '@clarion/protocol';

/** Why somebody is told of an alert. */
export type AlertAction = 'trigger' | 'repeat' | 'acknowledge' | 'resolve';

/** One message about an alert, as it was when the message was stored. Times in ISO 8601. */
export interface AlertNotice {
  readonly action: AlertAction;
  readonly alert_id: string;
  /** The same for all messages of what is the same to a human: deployment, rule and group. */
  readonly dedup_key: string;
  readonly source: string;
  readonly rule: string;
  readonly group: string;
  readonly component: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly opened_at: string;
  readonly resolved_at: string | null;
  readonly acknowledged_by: string | null;
}

/** What a human reads first: `[critical] clarion: The database has failed`. */
export function headline({ action, severity, source, summary }: AlertNotice): string {
  const words = { trigger: severity, repeat: `${severity}, still`, acknowledge: 'acknowledged', resolve: 'resolved' };
  return `[${words[action]}] ${source}: ${summary}`;
}

/** The rest, one fact a line. */
export function factsOf(notice: AlertNotice): string {
  const { rule, group, opened_at, resolved_at, acknowledged_by, details } = notice;
  const facts = { rule, group, opened_at, resolved_at, acknowledged_by, ...details };
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  return known
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('\n');
}

/** At most so many UTF-16 units, well-formed. */
export function cut(text: string, max: number): string {
  return (text.length > max ? `${text.slice(0, max - 1)}…` : text).toWellFormed();
}
