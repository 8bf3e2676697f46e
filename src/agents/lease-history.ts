import type { Transition } from './run-states';

/** One lease of a run: who advanced it, from when until when. Times in ISO 8601; kept for look-ups, nothing is decided by it. */
export interface LeaseEntry {
  readonly attempt: number;
  readonly fence: number;
  /** Of the try to take it: one whose outcome was unknown is recognised. */
  readonly key: string;
  readonly worker_id: string;
  readonly host: string;
  readonly pid: number;
  readonly leased_at: string;
  /** Absent while it lasts, and where its worker was lost. */
  readonly left_at?: string;
  /** The transition that ended it. */
  readonly left_by?: Transition;
  /** From the lease to the first output, where there was one. */
  readonly first_output_ms?: number;
}

/** A run that is handed over again and again keeps its first leases. */
const MAX_ENTRIES = 100;

/** SQL: adds the lease that `transition` takes to the history of its row of `runs`. The parameters hold key, worker, host and pid. */
export function leaseBegins(
  transition: Transition,
  [key, worker, host, pid]: readonly [string, string, string, string],
): string {
  // What claims a run is followed by `recover`, which begins the attempt; what resumes it finds the attempt begun.
  const attempt = transition === 'resume' ? 'runs.attempt' : 'runs.attempt + 1';
  return `leases = CASE WHEN jsonb_array_length(runs.leases) < ${MAX_ENTRIES} THEN runs.leases || jsonb_build_object(
    'attempt', ${attempt}, 'fence', runs.fence + 1, 'key', ${key}::uuid, 'worker_id', ${worker}::uuid, 'host', ${host}::text, 'pid', ${pid}::int, 'leased_at', now())
    ELSE runs.leases END`;
}

/** SQL: of the last lease in the history of run `r` its key, whether `recover` has not begun its attempt yet, and who had the one before. */
export const LAST_LEASE = `r.leases->-1->>'key' AS key, (r.leases->-1->>'attempt')::int > r.attempt AS claimed, r.leases->-2->>'worker_id' AS lost_worker`;

/** SQL: closes the last lease of a row of `runs` that a worker has. The parameter holds the milliseconds to the first output, or null. */
export function leaseEnds(transition: Transition, firstOutputMs: string): string {
  return `leases = CASE WHEN runs.worker_id IS NULL OR (runs.leases->-1->>'fence')::int IS DISTINCT FROM runs.fence THEN runs.leases
    ELSE jsonb_set(runs.leases, '{-1}', (runs.leases->-1) || jsonb_strip_nulls(jsonb_build_object(
      'left_at', now(), 'left_by', '${transition}', 'first_output_ms', ${firstOutputMs}::int))) END`;
}

/** How long earlier leases of its attempt have lasted that were given back, in milliseconds. */
export const EARLIER = `
SELECT coalesce(sum(extract(epoch FROM (l->>'left_at')::timestamptz - (l->>'leased_at')::timestamptz) * 1000), 0)::int AS ms
FROM runs r CROSS JOIN jsonb_array_elements(r.leases) AS l
WHERE r.id = $1 AND (l->>'attempt')::int = r.attempt AND (l->>'fence')::int < r.fence AND l ? 'left_at'`;
