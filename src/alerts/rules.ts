import type { ComponentDetail, ComponentName, Severity } from '@clarion/protocol';
import type { AppConfig } from '../config';
import { CATALOGUE, isReason } from '../errors';
import { componentOf } from './causes';
import type { Sighting, Timing } from './lifecycle';

/** Failures of one reason, added up over a few seconds. */
export interface FailureCount {
  readonly reason: string;
  readonly component: Parameters<typeof componentOf>[0];
  readonly severity: Severity;
  readonly operation: string;
  readonly count: number;
  /** When the last of them was; milliseconds since the epoch. */
  readonly at: number;
  readonly support_code: string;
}

/** A background task that fails, or does not run. */
export interface TaskTrouble {
  readonly name: string;
  readonly overdue: boolean;
  readonly failures: number;
  readonly support_code: string | null;
}

/** What the rules look at. */
export interface Facts {
  readonly now: number;
  readonly health: Readonly<Record<string, ComponentDetail>>;
  /** Of the last five minutes. */
  readonly failures: readonly FailureCount[];
  readonly tasks: readonly TaskTrouble[];
}

/** When somebody is told: code, with thresholds by setting. */
export interface AlertRule {
  readonly name: string;
  readonly timing: (settings: AppConfig['alerts']) => Timing;
  readonly look: (facts: Facts, settings: AppConfig['alerts']) => Omit<Sighting, 'rule'>[];
}

export const FAILURE_WINDOW_MS = 300_000;

/** Told by rules of their own, or told already: a failing task, a failing check, alerting itself. */
const TOLD_OTHERWISE = /^(BACKGROUND_TASK_|HEALTH_CHECK_FAILED$|ALERT_)/;
/** A defect that hits many at once is one defect. */
const SERIOUS: ReadonlySet<Severity> = new Set(['critical', 'error']);

const state = ({ waitMs, quietMs, repeatMs }: AppConfig['alerts']): Timing => ({ waitMs, quietMs, repeatMs });
// Longer than health takes to find the cause.
const counted = (settings: AppConfig['alerts']): Timing => ({ ...state(settings), waitMs: 2 * settings.waitMs });

export const RULES: readonly AlertRule[] = [
  {
    name: 'component-failed',
    timing: state,
    look: ({ health, now }) => having(health, isFailed).map((found) => componentSighting(found, 'critical', now)),
  },
  {
    name: 'component-degraded',
    timing: (settings) => ({ ...state(settings), waitMs: Math.max(settings.waitMs, settings.degradedWaitMs) }),
    look: ({ health, now }) =>
      having(health, ({ status }) => status === 'degraded')
        .filter(([component, detail]) => !hasOwnRule(component) && !isFailed(detail, component))
        .map((found) => componentSighting(found, 'warning', now)),
  },
  {
    name: 'failure-expected',
    timing: state,
    look: ({ health, now }) =>
      Object.entries(health).flatMap(([component, detail]) =>
        (isFailed(detail, component) ? [] : (detail.warnings ?? [])).map(({ figure, message, ...details }) => ({
          group: `${component} ${figure}`,
          component,
          severity: 'warning' as const,
          summary: message,
          details,
          at: now,
        })),
      ),
  },
  {
    name: 'critical-failure',
    timing: counted,
    look: ({ failures, now }) =>
      byComponent(failures.filter(({ severity }) => severity === 'critical')).map(([component, found]) => ({
        ...failureSighting(component, found, now),
        severity: 'critical',
        summary: `${latest(found).reason} at ${latest(found).operation}`,
      })),
  },
  {
    name: 'failure-rate',
    timing: counted,
    look: ({ failures, now }, settings) =>
      byComponent(failures.filter(({ severity }) => SERIOUS.has(severity)))
        .filter(([, found]) => total(found) >= settings.failures)
        .map(([component, found]) => ({
          ...failureSighting(component, found, now),
          severity: 'error',
          summary: `${total(found)} failures of ${component} in five minutes`,
        })),
  },
  {
    name: 'queue-age',
    timing: state,
    look: ({ health, now }, { queueAgeMs }) =>
      queueAges(health)
        .filter(([, age]) => age > queueAgeMs)
        .map(([queue, age]) => ({
          group: queue,
          component: 'queues',
          severity: 'error',
          summary: `Jobs of ${queue} have waited for ${Math.round(age / 1000)} s`,
          details: { longest_wait_ms: age },
          at: now,
        })),
  },
  {
    name: 'task',
    timing: state,
    look: ({ tasks, now }) =>
      tasks.map(({ name, overdue, failures, support_code }) => ({
        group: name,
        component: 'tasks',
        severity: 'error',
        summary: overdue ? `The task ${name} does not run` : `The task ${name} has failed ${failures} times in a row`,
        details: { support_code },
        at: now,
      })),
  },
];

/** A component has failed; or Clarion does without it, and what is wrong with it is critical. */
export function isFailed({ status, reason = '' }: ComponentDetail, component: string): boolean {
  if (status === 'failed') return true;
  return (
    status === 'degraded' && !hasOwnRule(component) && isReason(reason) && CATALOGUE[reason].severity === 'critical'
  );
}

/** What is wrong with queues and tasks in particular is seen by other rules. */
export function hasOwnRule(component: string): boolean {
  return component === 'tasks' || component === 'queues';
}

function having(
  health: Facts['health'],
  wanted: (detail: ComponentDetail, component: string) => boolean,
): [string, ComponentDetail][] {
  // Without a reason nothing was found yet: it is the start.
  return Object.entries(health).filter(
    ([component, detail]) => detail.reason !== undefined && wanted(detail, component),
  );
}

function componentSighting([component, detail]: [string, ComponentDetail], severity: Severity, at: number) {
  const { error = '', reason, error_code, suggestion, since } = detail;
  const summary = `The component ${component} is ${detail.status}: ${error}`;
  return { group: component, component, severity, summary, details: { reason, error_code, suggestion, since }, at };
}

function byComponent(failures: readonly FailureCount[]): [string, FailureCount[]][] {
  const groups = new Map<string, FailureCount[]>();
  for (const failure of failures) {
    if (TOLD_OTHERWISE.test(failure.reason)) continue;
    const component = componentOf(failure.component, failure.reason);
    groups.set(component, [...(groups.get(component) ?? []), failure]);
  }
  return [...groups];
}

function failureSighting(component: string, found: readonly FailureCount[], now: number) {
  const reasons = Object.fromEntries(
    found.map(({ reason }) => [reason, total(found.filter((f) => f.reason === reason))]),
  );
  const { support_code } = latest(found);
  return { group: component, component, details: { reasons, support_code }, at: now };
}

function latest(found: readonly FailureCount[]): FailureCount {
  return found.reduce((last, next) => (next.at > last.at ? next : last));
}

function total(found: readonly FailureCount[]): number {
  return found.reduce((sum, { count }) => sum + count, 0);
}

function queueAges(health: Facts['health']): [string, number][] {
  const queues = health['queues' satisfies ComponentName]?.details ?? {};
  return Object.entries(queues).flatMap(([queue, figures]) => {
    const { longest_wait_ms: age } = (figures ?? {}) as { longest_wait_ms?: unknown };
    return typeof age === 'number' ? [[queue, age] as [string, number]] : [];
  });
}
