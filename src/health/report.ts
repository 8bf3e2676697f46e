import {
  COMPONENT_NAMES,
  type ComponentDetail,
  type ComponentName,
  type ComponentReport,
  type ComponentStatus,
} from '@clarion/protocol';

/** Without these messages are accepted and answered still, later or less well. */
const OPTIONAL: ReadonlySet<string> = new Set<ComponentName>(['redis', 'tasks', 'alerts', 'provider']);

/** What the status of a component, or of something else that is checked, means for Clarion as a whole. */
export function weightOf(name: string, status: ComponentStatus): ComponentStatus {
  return status === 'failed' && OPTIONAL.has(name) ? 'degraded' : status;
}

/** What of the report everybody may see. */
export type StatusWords = Pick<ComponentReport, 'status' | 'failed_components' | 'degraded_components'>;

export function statusWords(statusOf: (name: ComponentName) => ComponentStatus): StatusWords {
  const statuses = COMPONENT_NAMES.map((name) => [name, statusOf(name)] as const);
  const having = (wanted: ComponentStatus): ComponentName[] =>
    statuses.flatMap(([name, status]) => (status === wanted ? [name] : []));
  return {
    status: overall(statuses.map(([name, status]) => weightOf(name, status))),
    failed_components: having('failed'),
    degraded_components: having('degraded'),
  };
}

/** The report of PROTOCOL.md section 7. */
export function componentReport(details: Record<ComponentName, ComponentDetail>): ComponentReport {
  const words = statusWords((name) => details[name].status);
  const { failed_components: failed, degraded_components: degraded } = words;
  const healthy = COMPONENT_NAMES.filter((name) => details[name].status === 'healthy');
  const expected = COMPONENT_NAMES.filter((name) => (details[name].warnings ?? []).length > 0);
  const suggestions = [...failed, ...degraded].flatMap((name) => details[name].suggestion ?? []);
  const warnings = expected.flatMap((name) => details[name].warnings ?? []);
  return {
    healthy: failed.length + degraded.length === 0,
    ...words,
    component_details: details,
    error_suggestions: [...suggestions, ...warnings.map(({ message, suggestion }) => `${message}: ${suggestion}`)],
    summary: summaryOf({ failed, degraded, expected }, healthy.length),
  };
}

function overall(weights: readonly ComponentStatus[]): ComponentStatus {
  if (weights.includes('failed')) return 'failed';
  return weights.includes('degraded') ? 'degraded' : 'healthy';
}

/** The report for those who may see the status words only. */
export function wordsOnly(report: ComponentReport): ComponentReport {
  const words = Object.entries(report.component_details).map(([name, { status }]) => [name, { status }]);
  return {
    ...report,
    component_details: Object.fromEntries(words) as ComponentReport['component_details'],
    error_suggestions: [],
  };
}

interface Unwell {
  readonly failed: readonly ComponentName[];
  readonly degraded: readonly ComponentName[];
  /** With warnings. */
  readonly expected: readonly ComponentName[];
}

function summaryOf({ failed, degraded, expected }: Unwell, healthy: number): string {
  const parts = [
    failed.length > 0 ? `failed: ${failed.join(', ')}` : '',
    degraded.length > 0 ? `degraded: ${degraded.join(', ')}` : '',
    expected.length > 0 ? `failure expected: ${expected.join(', ')}` : '',
    `${healthy} of ${healthy + failed.length + degraded.length} components healthy`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}
