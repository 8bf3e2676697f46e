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

/** The report of PROTOCOL.md section 7. */
export function componentReport(details: Record<ComponentName, ComponentDetail>): ComponentReport {
  const having = (status: ComponentStatus): ComponentName[] =>
    COMPONENT_NAMES.filter((name) => details[name].status === status);
  const failed = having('failed');
  const degraded = having('degraded');
  const expected = COMPONENT_NAMES.filter((name) => (details[name].warnings ?? []).length > 0);
  const suggestions = [...failed, ...degraded].flatMap((name) => details[name].suggestion ?? []);
  const warnings = expected.flatMap((name) => details[name].warnings ?? []);
  return {
    healthy: failed.length + degraded.length === 0,
    status: overall([...failed, ...degraded].map((name) => weightOf(name, details[name].status))),
    failed_components: failed,
    degraded_components: degraded,
    component_details: details,
    error_suggestions: [...suggestions, ...warnings.map(({ message, suggestion }) => `${message}: ${suggestion}`)],
    summary: summaryOf({ failed, degraded, expected }, having('healthy').length),
  };
}

function overall(unwell: readonly ComponentStatus[]): ComponentStatus {
  if (unwell.length === 0) return 'healthy';
  return unwell.includes('failed') ? 'failed' : 'degraded';
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
