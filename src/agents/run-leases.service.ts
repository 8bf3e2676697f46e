import { Injectable } from '@nestjs/common';
import { ComponentError, FailureReporter, type Failure } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Sql, type Transaction } from '../persistence';
import { AttemptText } from './attempt-text';
import { leaseBegins, leaseEnds } from './lease-history';
import { RunMetrics } from './run-metrics';
import { hasEnded, RUN_COLUMNS, type Run } from './run';
import { IS_HEAD, may, moves, RUNNABLE, type Transition } from './run-states';
import { Workers } from './workers.service';

interface Candidate extends Run {
  is_head: boolean;
  runnable: boolean;
}

const CANDIDATE = `SELECT ${RUN_COLUMNS}, ${IS_HEAD} AS is_head, ${RUNNABLE} AS runnable FROM runs r WHERE r.id = $1`;

const lease = (transition: Transition): string => `
UPDATE runs SET ${moves(transition)}, ${leaseBegins(transition, ['$2', '$3', '$4'])}, worker_id = $2, fence = fence + 1, writes = 0, next_attempt_at = NULL, started_at = coalesce(started_at, now())
WHERE id = $1 AND ${may(transition)} RETURNING ${RUN_COLUMNS}`;

const RECOVER = `
UPDATE runs SET ${moves('recover')} WHERE id = $1 AND fence = $2 AND ${may('recover')} RETURNING ${RUN_COLUMNS}`;

/** Takes and gives back leases. The holder is the one worker whose writes match the run's fencing token. */
@Injectable()
export class RunLeases {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly texts: AttemptText,
    private readonly workers: Workers,
    private readonly reporter: FailureReporter,
    private readonly metrics: RunMetrics,
  ) {}

  /**
   * Takes the lease of a run that may run now, in its next attempt or the one that waits for its time; null when it may not, or somebody else
   * is at it.
   */
  async take(runId: string): Promise<Run | null> {
    const candidate = await this.candidate(this.database, runId, '');
    if (candidate === null) return null;
    const transition = transitionOf(candidate);
    const leased = await this.lease(candidate, transition);
    return leased !== null && transition === 'claim' ? this.recover(leased, candidate.worker_id) : leased;
  }

  /** Takes the lease of a run that nobody but this transaction knows of; null where it may not run. */
  async takeIn(tx: Transaction, runId: string): Promise<Run | null> {
    const candidate = await this.candidate(tx, runId, '');
    return candidate && this.leaseIn(tx, candidate, transitionOf(candidate));
  }

  /** Whether this very lease is the last one, and its run has not ended. */
  async holds({ id, fence }: Run): Promise<boolean> {
    const text = `SELECT 1 FROM runs WHERE id = $1 AND fence = $2 AND status = 'running'`;
    return (await this.database.query(text, [id, fence])).length > 0;
  }

  /** Gives a run back before its process stops: the next worker takes it, and the attempt does not count against it. */
  async handOver(run: Run): Promise<void> {
    await this.database.query(
      `UPDATE runs SET ${moves('hand_over')}, ${leaseEnds('hand_over', 'NULL')}, worker_id = NULL, dispatched_at = NULL, waiting_since = now(), max_attempts = max_attempts + 1
       WHERE id = $1 AND fence = $2 AND ${may('hand_over')}`,
      [run.id, run.fence],
    );
  }

  private lease(candidate: Run, transition: Transition): Promise<Run | null> {
    return this.database.transaction((tx) => this.leaseIn(tx, candidate, transition));
  }

  private async leaseIn(tx: Transaction, candidate: Run, transition: Transition): Promise<Run | null> {
    const locked = await this.candidate(tx, candidate.id, ' FOR UPDATE');
    // Begun or given back meanwhile: its next wake-up tells that it was.
    if (locked?.fence !== candidate.fence || transitionOf(locked) !== transition) return null;
    const { id, host } = this.workers;
    const [run] = await tx.query<Run>(lease(transition), [candidate.id, id, host, process.pid]);
    if (run === undefined) return null;
    if (transition === 'start') {
      await this.mailbox.append(tx, run.user_id, [started(run)]);
      tx.afterCommit(() => this.countStart(run));
    }
    return run;
  }

  private countStart({ created_at, started_at }: Run): void {
    if (started_at !== null) this.metrics.phase('queue', Math.max(0, started_at.getTime() - created_at.getTime()));
  }

  /** Begins the next attempt of a claimed run. Whoever has claimed it is alone, so that the loss is on record once. */
  private async recover(claimed: Run, lostWorker: string | null): Promise<Run | null> {
    const lost = await this.reportLost(claimed, lostWorker);
    return this.database.transaction(async (tx) => {
      const [run] = await tx.query<Run>(RECOVER, [claimed.id, claimed.fence]);
      if (run === undefined) return null;
      const keepIndex = await this.texts.carryOver(tx, run);
      await this.mailbox.append(tx, run.user_id, [recovering(run, keepIndex, lost)]);
      return run;
    });
  }

  private async candidate(sql: Sql, runId: string, lock: string): Promise<Candidate | null> {
    const [run] = await sql.query<Candidate>(CANDIDATE + lock, [runId]);
    if (run === undefined || hasEnded(run) || !run.runnable) return null;
    const free = run.status !== 'running' || run.worker_id === null;
    return free && run.is_head ? run : null;
  }

  private reportLost(run: Run, worker_id: string | null): Promise<Failure> {
    const error = ComponentError.agentSupervisor('WORKER_LOST', { details: { attempt: run.attempt, worker_id } });
    const { id: run_id, user_id, thread_id } = run;
    return this.reporter.report(error, { operation: 'run.takeover', run_id, user_id, thread_id });
  }
}

function transitionOf({ status, attempt }: Run): Transition {
  if (status === 'waiting') return 'resume';
  return attempt === 0 ? 'start' : 'claim';
}

function started({ thread_id, id: run_id, attempt, agent, max_attempts }: Run): NewEvent {
  return { thread_id, run_id, attempt, type: 'agent_started', data: { agent, max_attempts } };
}

function recovering({ thread_id, id: run_id, attempt, agent }: Run, keep_index: number, lost: Failure): NewEvent {
  return { thread_id, run_id, attempt, type: 'agent_recovering', data: { agent, keep_index, error: lost.error } };
}
