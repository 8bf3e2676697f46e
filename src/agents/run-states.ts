import type { DurableEventType, RunStatus } from '@clarion/protocol';

interface Change {
  readonly from: readonly RunStatus[];
  readonly to: RunStatus;
  /** Written in the transaction that makes the change; null: the user has nothing to learn of it. */
  readonly event: DurableEventType | null;
  /** The event begins an attempt, and carries its number. */
  readonly begins?: boolean;
}

const ACTIVE: readonly RunStatus[] = ['queued', 'running', 'waiting'];

/**
 * Every way in which a run changes, in one transaction each. A run is `queued` until it begins and after its process handed it over, `running`
 * under a lease or after the loss of one, `waiting` until its next attempt is due or its user has answered a question. A run that has ended never changes.
 */
export const TRANSITIONS = {
  start: { from: ['queued'], to: 'running', event: 'agent_started', begins: true },
  /** Takes the lease of a run that was begun and has no worker; `recover` follows, once its failure is on record. */
  claim: { from: ['queued', 'running'], to: 'running', event: null },
  recover: { from: ['running'], to: 'running', event: 'agent_recovering', begins: true },
  /** Its agent asks the user: the attempt is interrupted until the question is closed. */
  ask: { from: ['running'], to: 'waiting', event: 'input_required' },
  /** The question is answered, or its time is over: `resume` is due. */
  resolve: { from: ['waiting'], to: 'waiting', event: 'input_resolved' },
  /** The attempt that `retry` or `fall_back` has begun, or that a question has interrupted. */
  resume: { from: ['waiting'], to: 'running', event: null },
  retry: { from: ['running'], to: 'waiting', event: 'agent_retrying', begins: true },
  fall_back: { from: ['running'], to: 'waiting', event: 'agent_fallback', begins: true },
  hand_over: { from: ['running'], to: 'queued', event: null },
  /** Its worker is dead or has forgotten it: anybody may claim it. */
  orphan: { from: ['running'], to: 'running', event: null },
  complete: { from: ['running'], to: 'completed', event: 'agent_completed' },
  fail: { from: ACTIVE, to: 'failed', event: 'agent_failed' },
  cancel: { from: ACTIVE, to: 'cancelled', event: 'agent_cancelled' },
} as const satisfies Record<string, Change>;

export type Transition = keyof typeof TRANSITIONS;

/** The transition that ends a run so. */
export const ENDINGS = { completed: 'complete', failed: 'fail', cancelled: 'cancel' } as const;

/** SQL: what the transition sets in a row of `runs`. No other statement sets a status. */
export function moves(transition: Transition): string {
  const { to, begins = false }: Change = TRANSITIONS[transition];
  return begins ? `status = '${to}', attempt = runs.attempt + 1` : `status = '${to}'`;
}

/** SQL: run `alias` is where the transition may begin. */
export function may(transition: Transition, alias = 'runs'): string {
  return `${alias}.status IN (${TRANSITIONS[transition].from.map((status) => `'${status}'`).join(', ')})`;
}

/** SQL: nobody advances run `r`, which has not ended. */
export const IDLE = `r.finished_at IS NULL AND (r.status = 'queued' OR r.worker_id IS NULL)`;

/** SQL: run `r`, which nobody advances, may be advanced now, where it is the head of its thread. */
export const RUNNABLE = `(CASE r.status WHEN 'waiting' THEN r.next_attempt_at <= now() ELSE r.attempt < r.max_attempts END)`;

/**
 * SQL: no earlier run of its thread goes before run `r`, which has not ended. As a look into the index for each run: how many there are, the
 * planner never knows in time, and its joins for a few take minutes for a thousand.
 */
export const IS_HEAD = `r.ordinal <= (SELECT min(o.ordinal) FROM runs o WHERE o.thread_id = r.thread_id AND o.finished_at IS NULL)`;
