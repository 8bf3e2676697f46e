import { Injectable } from '@nestjs/common';
import { ComponentError, type FailureContext, FailureReporter } from '../errors';
import { MailboxStore } from '../mailbox';
import { Database } from '../persistence';
import { parseTraceparent } from '../telemetry';
import { AgentRegistry } from './agent-registry';
import { allOf } from './all-of';
import { hasEnded, type Run } from './run';
import { IDLE, IS_HEAD } from './run-states';
import { RunEnding } from './run-ending.service';
import { RunStore } from './run.store';

interface Doomed {
  id: string;
  user_id: string;
  thread_id: string;
  attempt: number;
  traceparent: string | null;
}

type StillDoomed = (run: Run) => boolean;

const DOOMED = 'r.id, r.user_id, r.thread_id, r.attempt, r.traceparent';

/** In this time a worker takes what it is given. */
const GIVEN_MS = 500;

/**
 * SQL: nobody has advanced run `r` for so long (milliseconds), though no other run goes before it. By looks into the index for each run, as `IS_HEAD`:
 * as a join it compares all runs with all runs where the planner does not know yet how many there are.
 */
const hasWaited = (ms: string): string => `
  ${IDLE} AND r.waiting_since < now() - ${ms} * interval '1 millisecond' AND ${IS_HEAD}
  AND coalesce((SELECT max(o.finished_at) FROM runs o WHERE o.thread_id = r.thread_id AND o.ordinal < r.ordinal), '-infinity')
    < now() - ${ms} * interval '1 millisecond'`;

/** `$1`: the limit of agents that are not among `$2`, whose limits are `$3`. */
const EXPIRED = `
SELECT ${DOOMED}, w.timeout_ms FROM runs r
CROSS JOIN LATERAL (SELECT coalesce((SELECT l.ms FROM unnest($2::text[], $3::int[]) AS l (agent, ms) WHERE l.agent = r.agent), $1) AS timeout_ms) AS w
WHERE ${hasWaited('w.timeout_ms')} LIMIT $4`;

/**
 * Marks runs that were given to the queue and that no worker takes, while none of them takes any: where they go on taking others, a run has its turn
 * to wait for. Those that wait for other runs of their user have not been given to the queue. The line is counted once, for all of them.
 */
const TELL = `
WITH late AS (
  SELECT r.id FROM runs r
  WHERE ${hasWaited('$1')} AND NOT r.delay_told AND r.dispatched_at < now() - interval '${GIVEN_MS} milliseconds'
    AND NOT EXISTS (SELECT 1 FROM runs b WHERE b.status = 'running' AND b.worker_id IS NOT NULL AND b.started_at > now() - $1 * interval '1 millisecond')
  LIMIT $2 FOR UPDATE OF r SKIP LOCKED
), told AS (
  UPDATE runs SET delay_told = true FROM late WHERE runs.id = late.id RETURNING runs.id, runs.user_id, runs.thread_id, runs.traceparent
), line AS (
  SELECT r.id, (row_number() OVER (ORDER BY r.ordinal) - 1)::int AS position FROM runs r
  WHERE ${IDLE} AND r.dispatched_at IS NOT NULL AND EXISTS (SELECT 1 FROM late))
SELECT told.*, line.position FROM told JOIN line USING (id)`;

/** Tells of runs that nobody advances, and ends those that nobody may: the bound of every wait. */
@Injectable()
export class RunFailures {
  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly mailbox: MailboxStore,
    private readonly ending: RunEnding,
    private readonly reporter: FailureReporter,
    private readonly registry: AgentRegistry,
  ) {}

  /** Runs that lost their worker in their last attempt. */
  async failExhausted(limit: number): Promise<void> {
    const runs = await this.database.query<Doomed>(
      `SELECT ${DOOMED} FROM runs r
       WHERE ${IDLE} AND r.status <> 'waiting' AND r.attempt >= r.max_attempts LIMIT $1`,
      [limit],
    );
    await allOf(
      runs.map((run) => () => {
        const details = { attempts: run.attempt };
        const error = ComponentError.agentSupervisor('RUN_ATTEMPTS_EXHAUSTED', { details });
        return this.fail(
          run,
          error,
          (now) => isIdle(now) && now.status !== 'waiting' && now.attempt >= now.max_attempts,
        );
      }),
    );
  }

  /** Runs that were next in their thread, and with no worker, for longer than their agent's limit. */
  async failExpired(limit: number): Promise<void> {
    const { defaultMs, agents, limitsMs } = this.registry.queueTimeouts();
    const runs = await this.database.query<Doomed & { timeout_ms: number }>(EXPIRED, [
      defaultMs,
      agents,
      limitsMs,
      limit,
    ]);
    await allOf(
      runs.map((run) => () => {
        const error = ComponentError.agentSupervisor('RUN_QUEUE_TIMEOUT', { details: { timeout_ms: run.timeout_ms } });
        return this.fail(run, error, (now) => isIdle(now) && now.attempt === run.attempt);
      }),
    );
  }

  /** Users hear once that no worker takes their run; it stays where it is. */
  async tellDelayed(limit: number): Promise<void> {
    const waited_ms = this.registry.noWorkerNoticeMs;
    const late = await this.database.query<Omit<Doomed, 'attempt'> & { position: number }>(TELL, [waited_ms, limit]);
    const told = late.map((run) => {
      const details = { waited_ms, position: run.position };
      const error = ComponentError.agentSupervisor('NO_WORKER_AVAILABLE', { details });
      return this.reporter.report(error, { ...contextOf(run), notify: true });
    });
    await Promise.all(told);
  }

  /** Whoever has the run's lock ends it, and puts on record why: two processes that find it record it once. */
  private async fail(doomed: Doomed, error: ComponentError, stillDoomed: StillDoomed): Promise<void> {
    const { id, user_id } = doomed;
    await this.database.transaction(async (tx) => {
      const run = await this.runs.lock(tx, id, user_id);
      if (run === null || hasEnded(run) || !stillDoomed(run)) return;
      const failure = await this.reporter.report(error, contextOf(doomed));
      await this.mailbox.append(tx, user_id, await this.ending.fail(tx, run, failure.error));
    });
  }
}

function contextOf({ id: run_id, user_id, thread_id, traceparent }: Omit<Doomed, 'attempt'>): FailureContext {
  const trace_id = parseTraceparent(traceparent)?.traceId ?? null;
  return { operation: 'run.reconcile', run_id, user_id, thread_id, trace_id };
}

function isIdle({ status, worker_id }: Run): boolean {
  return status === 'queued' || worker_id === null;
}
