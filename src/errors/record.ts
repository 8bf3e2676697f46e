import { createHash } from 'node:crypto';
import { currentTraceId, plainObject, plainText } from '../telemetry';
import { ComponentError } from './component-error';
import { describeError, errorChain, textOf } from './error-chain';
import type { FailureRecord } from './failure-record';
import type { FailureContext } from './failure-reporter';
import type { HealthWords } from './health-now';

const MAX_ROOT_CAUSE = 2_000;
const MAX_STACK = 8_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface Occurrence {
  /** What was thrown, as it was thrown. */
  readonly thrown: unknown;
  /** What it was classified as. */
  readonly error: ComponentError;
  readonly context: FailureContext;
  readonly supportCode: string;
  readonly at: Date;
  readonly health?: HealthWords | null;
}

/** The record of one occurrence: bounded, plain, and with public details apart from private ones. */
export function recordOf({ thrown, error, context, supportCode, at, health }: Occurrence): FailureRecord {
  const { code, reason, component, severity, publicDetails } = error.definition;
  const details = Object.entries(error.details);
  const isPublic = ([key]: [string, unknown]) => publicDetails.includes(key);
  const stack = stackOf(thrown, error);
  return {
    support_code: supportCode,
    code,
    reason,
    component,
    severity,
    fingerprint: fingerprintOf(reason, component, context.operation),
    operation: plainText(context.operation, 100),
    occurred_at: at.toISOString(),
    last_at: at.toISOString(),
    count: 1,
    user_id: shortText(context.user_id),
    thread_id: uuid(context.thread_id),
    run_id: uuid(context.run_id),
    job_id: shortText(context.job_id),
    trace_id: shortText(context.trace_id ?? currentTraceId()),
    source: shortText(context.source),
    retry_after_ms: error.retryAfterMs === null ? null : Math.round(error.retryAfterMs),
    details: plainObject(Object.fromEntries(details.filter(isPublic))),
    private_details: plainObject(Object.fromEntries(details.filter((entry) => !isPublic(entry)))),
    root_cause: rootCauseOf(thrown),
    stack: stack === null ? null : plainText(stack, MAX_STACK),
    health: health ?? null,
    notify: (context.notify ?? false) && typeof context.user_id === 'string',
    locale: shortText(context.locale),
  };
}

function rootCauseOf(thrown: unknown): string | null {
  const chain = errorChain(thrown);
  const causes = thrown instanceof ComponentError ? chain.slice(1) : chain;
  if (chain.length === 0) return plainText(describeError(thrown), MAX_ROOT_CAUSE);
  return causes.length === 0 ? null : plainText(causes.map(describeError).join('\n'), MAX_ROOT_CAUSE);
}

function stackOf(thrown: unknown, error: ComponentError): string | null {
  const stacks = errorChain(thrown).flatMap((link) => textOf(link, 'stack') ?? []);
  return stacks.length === 0 ? (error.stack ?? null) : stacks.join('\ncaused by ');
}

/** Of what is stable across versions and languages: neither a message nor a line of code is in it. */
function fingerprintOf(reason: string, component: string, operation: string): string {
  return createHash('sha256').update([reason, component, operation].join('\n')).digest('hex').slice(0, 16);
}

function shortText(value: string | null | undefined): string | null {
  return value === null || value === undefined ? null : plainText(value, 128);
}

/** The columns are of type uuid: an id that is none would cost the whole record. */
function uuid(value: string | null | undefined): string | null {
  return typeof value === 'string' && UUID.test(value) ? value : null;
}
