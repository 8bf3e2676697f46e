import { Injectable } from '@nestjs/common';
import { MailboxStore, type NewEvent, type UserEvents } from '../mailbox';
import { prepared, type Transaction } from '../persistence';
import { LAST_LEASE, leaseBegins } from './lease-history';
import { hasEnded, RUN_COLUMNS, type Run } from './run';
import { RunMetrics } from './run-metrics';
import { IS_HEAD, may, moves, RUNNABLE, type Transition } from './run-states';
import { Workers } from './workers.service';

type Leasing = Extract<Transition, 'start' | 'claim' | 'resume'>;

/** A try to take the lease of a run. It may be repeated with its key, which is a UUID, while its outcome is unknown. */
export interface LeaseTry {
  readonly runId: string;
  readonly key: string;
}

/** A run whose lease was taken. */
export interface Taken {
  readonly run: Run;
  /** It was begun and has lost its worker: it is to be recovered. */
  readonly claimed: boolean;
  readonly lost_worker: string | null;
  /** An earlier try had committed after all: nobody was told. */
  readonly repeated: boolean;
}

interface Leased extends Taken {
  /** Its first attempt begins now: the user is to be told. */
  readonly begins: boolean;
}

interface Candidate extends Run {
  is_head: boolean;
  runnable: boolean;
  /** Claimed by a dispatcher, and counted by the limits of its user and agent. */
  given: boolean;
  /** Of the last lease. */
  key: string | null;
  claimed: boolean;
  lost_worker: string | null;
}

const CANDIDATES = prepared(`
SELECT ${RUN_COLUMNS}, ${IS_HEAD} AS is_head, ${RUNNABLE} AS runnable, r.dispatched_at IS NOT NULL AS given, ${LAST_LEASE} FROM runs r WHERE r.id = ANY($1::uuid[]) ORDER BY r.id FOR UPDATE`);

const lease = (transition: Leasing): string =>
  prepared(`
UPDATE runs SET ${moves(transition)}, ${leaseBegins(transition, ['t.key', '$3', '$4', '$5'])}, worker_id = $3, fence = fence + 1, writes = 0,
  next_attempt_at = NULL, started_at = coalesce(started_at, now())
FROM unnest($1::uuid[], $2::uuid[]) AS t (run_id, key) WHERE runs.id = t.run_id AND ${may(transition)}
RETURNING ${RUN_COLUMNS}, runs.leases->-2->>'worker_id' AS lost_worker`);

const LEASE = { start: lease('start'), claim: lease('claim'), resume: lease('resume') };

/** Takes the leases of runs whose wake-ups arrived together: a handful of statements for all of them. */
@Injectable()
export class LeaseBatch {
  constructor(
    private readonly mailbox: MailboxStore,
    private readonly workers: Workers,
    private readonly metrics: RunMetrics,
  ) {}

  /** For each of these runs, in their order: null when it may not run now, or somebody else is at it. Each comes once. */
  async take(tx: Transaction, tries: readonly LeaseTry[]): Promise<(Taken | null)[]> {
    const taken = await this.lease(tx, tries);
    await this.mailbox.appendAll(tx, beginningsOf(taken));
    return inOrder(tries, taken);
  }

  /** `take` as the whole of a transaction, its end included. */
  async takeAndCommit(tx: Transaction, tries: readonly LeaseTry[]): Promise<(Taken | null)[]> {
    const taken = await this.lease(tx, tries);
    await this.mailbox.appendAndCommit(tx, beginningsOf(taken));
    return inOrder(tries, taken);
  }

  private async lease(tx: Transaction, tries: readonly LeaseTry[]): Promise<Leased[]> {
    const keys = new Map(tries.map(({ runId, key }) => [runId, key]));
    const found = await tx.read<Candidate>(CANDIDATES, [[...keys.keys()]]);
    const mine = found.filter(({ id, status, key }) => status === 'running' && key === keys.get(id));
    const taken = mine.map((run): Leased => ({
      run,
      claimed: run.claimed,
      lost_worker: run.lost_worker,
      repeated: true,
      begins: false,
    }));
    for (const [transition, alike] of Map.groupBy(found.filter(isFree), transitionOf)) {
      const tried = alike.map(({ id }) => ({ runId: id, key: keys.get(id) ?? '' }));
      taken.push(...(await this.move(tx, transition, tried)));
    }
    return taken;
  }

  private async move(tx: Transaction, transition: Leasing, tries: readonly LeaseTry[]): Promise<Leased[]> {
    const { id, host } = this.workers;
    const values = [tries.map(({ runId }) => runId), tries.map(({ key }) => key), id, host, process.pid];
    const runs = await tx.query<Run & Pick<Taken, 'lost_worker'>>(LEASE[transition], values);
    const begins = transition === 'start';
    if (begins) tx.afterCommit(() => this.countStarts(runs));
    const claimed = transition === 'claim';
    return runs.map((run) => ({ run, claimed, lost_worker: run.lost_worker, repeated: false, begins }));
  }

  private countStarts(runs: readonly Run[]): void {
    for (const { created_at, started_at } of runs)
      if (started_at !== null) this.metrics.phase('queue', Math.max(0, started_at.getTime() - created_at.getTime()));
  }
}

/** It may run now, and nobody advances it. A wake-up that was given up, or comes twice, takes no place beyond the limits. */
function isFree(run: Candidate): boolean {
  return (
    !hasEnded(run) && run.given && run.runnable && run.is_head && (run.status !== 'running' || run.worker_id === null)
  );
}

function transitionOf({ status, attempt }: Run): Leasing {
  if (status === 'waiting') return 'resume';
  return attempt === 0 ? 'start' : 'claim';
}

function beginningsOf(taken: readonly Leased[]): UserEvents[] {
  return taken.filter(({ begins }) => begins).map(({ run }) => ({ user_id: run.user_id, events: [started(run)] }));
}

function inOrder(tries: readonly LeaseTry[], taken: readonly Taken[]): (Taken | null)[] {
  const byRun = new Map(taken.map((one) => [one.run.id, one]));
  return tries.map(({ runId }) => byRun.get(runId) ?? null);
}

function started({ thread_id, id: run_id, attempt, agent, max_attempts }: Run): NewEvent {
  return { thread_id, run_id, attempt, type: 'agent_started', data: { agent, max_attempts } };
}
