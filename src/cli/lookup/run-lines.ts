import type { RunRecord } from '../../admin';
import { duration, fields, section } from './lines';

type Attempt = RunRecord['attempts'][number];

/** The life of a run, for a terminal. */
export function runLines(run: RunRecord): string[] {
  const { phases } = run;
  return [
    `Run ${run.run_id}: ${run.status}`,
    ...fields({
      User: run.user_id,
      Thread: run.thread_id,
      Agent: run.agent,
      Attempts: `${run.attempt} of at most ${run.max_attempts}`,
      Job: run.job_id,
      'Retry of': run.retry_of,
      'Retried by': run.retried_by,
      Error: run.error && `${run.error.reason}, support code ${run.error.support_code}`,
      Usage: usageOf(run),
    }),
    ...section('Phases', [
      `created       ${phases.created_at}`,
      moment('dispatched', phases.dispatched_at),
      moment('leased', phases.leased_at, `after ${duration(phases.queued_ms)}`),
      moment('first output', phases.first_output_at, `${duration(phases.first_output_ms)} after the lease`),
      moment('ended', phases.finished_at, `${duration(phases.total_ms)} in all`),
    ]),
    ...section('Attempts', run.attempts.flatMap(attemptLines)),
    ...section('Steps', run.steps.map(stepLine)),
    ...section('Tools', run.tools.map(toolLine)),
    ...section('Errors', run.errors.map(errorLine)),
    ...section('Events', run.events.map(eventLine)),
    ...section('Missing', run.missing),
  ];
}

function moment(name: string, at: string | null, more = ''): string {
  return at === null ? `${name.padEnd(14)}not known or not yet` : `${name.padEnd(14)}${at}${more && `  ${more}`}`;
}

function usageOf({ usage }: RunRecord): string | null {
  if (usage === null) return null;
  const cost = usage.cost === undefined ? '' : `, cost ${usage.cost}`;
  return `${usage.input_tokens} tokens in, ${usage.output_tokens} out${cost}`;
}

function attemptLines({ attempt, begun_by, begun_at, delay_ms, leases, failure }: Attempt): string[] {
  const delay = delay_ms === null ? '' : `, due after ${duration(delay_ms)}`;
  return [
    `${attempt}  ${begun_by ?? 'begun'} ${begun_at ?? 'at a time that is not known'}${delay}`,
    ...leases.map((lease) => {
      const first = lease.first_output_ms === null ? '' : `, first output after ${duration(lease.first_output_ms)}`;
      const end = lease.left_at === null ? 'not given back' : `left ${lease.left_at} by ${lease.left_by ?? 'its end'}`;
      return `   worker ${lease.worker_id} (${lease.host}, pid ${lease.pid}) from ${lease.leased_at}${first}; ${end}`;
    }),
    ...(failure === null ? [] : [`   failed: ${failure.reason}, support code ${failure.support_code}`]),
  ];
}

function stepLine({ key, attempt, state, started_at, duration_ms }: RunRecord['steps'][number]): string {
  const took = duration_ms === null ? '' : ` in ${duration(duration_ms)}`;
  return `${started_at}  ${key}  attempt ${attempt}  ${state}${took}`;
}

function toolLine({ tool, attempt, started_at, ok, duration_ms, ...end }: RunRecord['tools'][number]): string {
  const outcome = ok === null ? 'has not come back' : `${ok ? 'ok' : 'failed'} in ${duration(duration_ms)}`;
  const code = end.support_code === null ? '' : `, support code ${end.support_code}`;
  return `${started_at}  ${tool}  attempt ${attempt ?? '-'}  ${outcome}${code}${end.summary === null ? '' : `: ${end.summary}`}`;
}

function errorLine({ occurred_at, severity, support_code, operation }: RunRecord['errors'][number]): string {
  return `${occurred_at}  ${severity}  ${support_code}  ${operation}`;
}

function eventLine({ seq, at, type, attempt, path }: RunRecord['events'][number]): string {
  return `${String(seq).padStart(6)}  ${at}  ${type}${attempt === null ? '' : `  attempt ${attempt}`}${path === null ? '' : `  ${path}`}`;
}
