import type { EventRow, RunAttempt, RunLease, RunPhases, RunRecord, RunRow, RunRows, RunTool } from './run-record';

/** The events that begin an attempt. */
const BEGINNINGS: ReadonlySet<string> = new Set([
  'agent_started',
  'agent_retrying',
  'agent_recovering',
  'agent_fallback',
]);

/** Tells the life of a run from what the tables hold. */
export function runRecord({ run, steps, events, errors, maxEvents }: RunRows): RunRecord {
  const { id, user_id, thread_id, message_id, agent, status, attempt, max_attempts, retry_of, retried_by } = run;
  return {
    ...{ run_id: id, user_id, thread_id, message_id, agent, status, attempt, max_attempts },
    job_id: run.dispatch > 0 ? `${id}-${run.dispatch}` : null,
    ...{ retry_of, retried_by },
    phases: phasesOf(run),
    attempts: attemptsOf(run, events),
    steps: steps.map((step) => ({
      ...step,
      started_at: step.started_at.toISOString(),
      finished_at: iso(step.finished_at),
      duration_ms: between(step.started_at, step.finished_at),
    })),
    tools: toolsOf(events),
    usage: run.usage,
    error: run.error && { reason: run.error.reason, support_code: run.error.support_code },
    errors: errors.map((error) => ({ ...error, occurred_at: error.occurred_at.toISOString() })),
    events: events.map(({ seq, type, attempt, path, created_at }) => ({
      ...{ seq, type, attempt, path },
      at: created_at.toISOString(),
    })),
    missing: missingOf(run, events, maxEvents),
  };
}

function phasesOf({ created_at, dispatched_at, started_at, finished_at, leases }: RunRow): RunPhases {
  const spoke = leases.find(({ first_output_ms }) => first_output_ms !== undefined);
  const firstOutput = spoke && new Date(Date.parse(spoke.leased_at) + (spoke.first_output_ms ?? 0));
  return {
    created_at: created_at.toISOString(),
    dispatched_at: iso(dispatched_at),
    leased_at: iso(started_at),
    first_output_at: iso(firstOutput ?? null),
    finished_at: iso(finished_at),
    queued_ms: between(created_at, started_at ?? finished_at),
    first_output_ms: started_at && firstOutput ? between(started_at, firstOutput) : null,
    total_ms: between(created_at, finished_at),
  };
}

function attemptsOf(run: RunRow, events: readonly EventRow[]): RunAttempt[] {
  const last = Math.max(run.attempt, ...run.leases.map(({ attempt }) => attempt), 0);
  return Array.from({ length: last }, (_, index) => attemptOf(run, events, index + 1));
}

function attemptOf(run: RunRow, events: readonly EventRow[], attempt: number): RunAttempt {
  const began = events.find((event) => event.attempt === attempt && BEGINNINGS.has(event.type));
  const next = events.find((event) => event.attempt === attempt + 1 && BEGINNINGS.has(event.type));
  const ended = attempt === run.attempt ? run.error : failureIn(next);
  const failure = run.failures.find((candidate) => candidate.attempt === attempt) ?? ended;
  const delay = began?.data.delay_ms;
  return {
    attempt,
    begun_by: began?.type ?? null,
    begun_at: iso(began?.created_at ?? null),
    delay_ms: typeof delay === 'number' ? delay : null,
    leases: run.leases.filter((lease) => lease.attempt === attempt).map(leaseOf),
    failure: failure ? { reason: failure.reason, support_code: failure.support_code } : null,
  };
}

function leaseOf({ worker_id, host, pid, fence, leased_at, ...end }: RunRow['leases'][number]): RunLease {
  return {
    ...{ worker_id, host, pid, fence },
    leased_at: new Date(leased_at).toISOString(),
    left_at: end.left_at === undefined ? null : new Date(end.left_at).toISOString(),
    left_by: end.left_by ?? null,
    first_output_ms: end.first_output_ms ?? null,
  };
}

function toolsOf(events: readonly EventRow[]): RunTool[] {
  const completed = new Map(
    events.filter(({ type }) => type === 'tool_completed').map((event) => [textIn(event, 'tool_call_id'), event]),
  );
  return events
    .filter(({ type }) => type === 'tool_executing')
    .map((event) => {
      const tool_call_id = textIn(event, 'tool_call_id') ?? '';
      const end = completed.get(tool_call_id);
      const { ok, duration_ms } = end?.data ?? {};
      return {
        ...{ tool_call_id, tool: textIn(event, 'tool') ?? '', attempt: event.attempt },
        started_at: event.created_at.toISOString(),
        ok: typeof ok === 'boolean' ? ok : null,
        duration_ms: typeof duration_ms === 'number' ? duration_ms : null,
        summary: end === undefined ? null : textIn(end, 'summary'),
        support_code: failureIn(end)?.support_code ?? null,
      };
    });
}

function missingOf(run: RunRow, events: readonly EventRow[], maxEvents: number): string[] {
  const missing: string[] = [];
  if (run.leases.length === 0 && run.attempt > 0) missing.push('workers: the run is from before they were kept');
  const begins = events[0]?.type;
  if (begins !== 'run_queued' && begins !== 'message_created' && run.retry_of === null)
    missing.push("events: the first ones have left the user's mailbox by retention");
  if (events.length === maxEvents) missing.push(`events: there may be more than these ${maxEvents}`);
  return missing;
}

function failureIn(event: EventRow | undefined): { reason: string; support_code: string } | null {
  const error = event?.data.error as { reason?: unknown; support_code?: unknown } | undefined;
  if (typeof error?.reason !== 'string' || typeof error.support_code !== 'string') return null;
  return { reason: error.reason, support_code: error.support_code };
}

function textIn({ data }: EventRow, key: string): string | null {
  const value = data[key];
  return typeof value === 'string' ? value : null;
}

function iso(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}

function between(from: Date, to: Date | null): number | null {
  return to === null ? null : Math.max(0, to.getTime() - from.getTime());
}
