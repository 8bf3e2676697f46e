import { setTimeout as delay } from 'node:timers/promises';
import { COMPONENT_STATUSES, type ComponentStatus } from '@clarion/protocol';
import { classify, ComponentError } from '../errors';
import { type HealthFinding, type HealthIndicator, plainObject, plainText } from '../telemetry';

/** What is wrong with a component, in the form of the report. */
export interface Problem {
  readonly text: string;
  readonly suggestion: string;
  readonly error: ComponentError;
}

/** The outcome of one check, whatever the check did. */
export interface Measurement {
  readonly status: ComponentStatus;
  readonly details: Record<string, unknown>;
  /** Null where the component is well. */
  readonly problem: Problem | null;
  /** True: time was up. */
  readonly unanswered?: boolean;
}

const NO_ANSWER = Symbol('no answer');
const MAX_PROBLEM = 500;

/**
 * Runs a check in bounded time. What it throws, a check that hangs and an answer that makes no sense are failed measurements.
 * @param check called with a signal that aborts after `timeoutMs`
 */
export async function measure(
  indicator: HealthIndicator,
  timeoutMs: number,
  check: (signal: AbortSignal) => Promise<HealthFinding>,
): Promise<Measurement> {
  const { component } = indicator;
  const over = new AbortController();
  const limit = delay(timeoutMs, NO_ANSWER, { signal: over.signal });
  try {
    const answer = await Promise.race([check(AbortSignal.timeout(timeoutMs)), limit]);
    const finding = answer === NO_ANSWER ? indicator.unanswered() : answer;
    if (answer !== NO_ANSWER) return measurementOf(component, finding);
    const found = finding === null ? late(component, timeoutMs) : measurementOf(component, finding);
    return { ...found, unanswered: true };
  } catch (error) {
    return thrown(component, error);
  } finally {
    over.abort();
    await Promise.allSettled([limit]);
  }
}

/** A check that has not been done for too long says nothing any more. */
export function stale(component: string, ageMs: number): Measurement {
  const text = `The check has not run for ${Math.round(ageMs / 1000)} s`;
  return failed(component, text, 'restart this process if it stays so');
}

function late(component: string, timeoutMs: number): Measurement {
  const suggestion = `see what keeps the ${component}; HEALTH_TIMEOUT_MS says how long a check may take`;
  return failed(component, `The check did not answer within ${timeoutMs} ms`, suggestion);
}

function thrown(component: string, error: unknown): Measurement {
  const message = error instanceof Error ? error.message : String(error);
  return failed(
    component,
    `The check itself failed: ${message}`,
    'look the failure up by its reason in the log',
    error,
  );
}

function failed(component: string, problem: string, suggestion: string, cause?: unknown): Measurement {
  return measurementOf(component, { status: 'failed', problem, suggestion, cause });
}

/** Indicators are code that may be wrong: nothing of a finding is taken on trust. May throw what a getter of it throws. */
function measurementOf(component: string, finding: HealthFinding | null): Measurement {
  if (typeof finding !== 'object' || finding === null) throw new TypeError('the answer is no finding');
  const { status, details = {} } = finding;
  if (!COMPONENT_STATUSES.includes(status)) throw new TypeError(`the status is none: ${plainText(String(status), 50)}`);
  if (typeof details !== 'object' || details === null) throw new TypeError('the details are no object');
  const copied = plainObject(details);
  if (finding.status === 'healthy' || finding.status === 'not_configured')
    return { status, details: copied, problem: null };
  const { problem, suggestion, cause } = finding;
  const text = plainText(String(problem), MAX_PROBLEM);
  const error = errorOf(component, text, cause);
  return { status, details: copied, problem: { text, suggestion: plainText(String(suggestion), MAX_PROBLEM), error } };
}

/** A cause that tells nothing precise is a failed check, not an internal error. */
function errorOf(component: string, problem: string, cause: unknown): ComponentError {
  const error = cause === undefined ? null : classify(cause);
  if (error !== null && error.reason !== 'INTERNAL_ERROR') return error;
  return ComponentError.integration('HEALTH_CHECK_FAILED', { details: { indicator: component, problem }, cause });
}
