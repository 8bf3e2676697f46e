import { Injectable } from '@nestjs/common';
import { ComponentError, FailureReporter, type Failure } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import { hasEnded, RUN_COLUMNS, type Run } from './run';
import { Workers } from './workers.service';

interface Candidate extends Run {
  is_head: boolean;
}

const CANDIDATE = `
SELECT ${RUN_COLUMNS},
  NOT EXISTS (SELECT 1 FROM runs o WHERE o.thread_id = r.thread_id AND o.finished_at IS NULL AND o.ordinal < r.ordinal) AS is_head
FROM runs r WHERE r.id = $1`;

const LEASE = `
UPDATE runs SET status = 'running', worker_id = $2, fence = fence + 1, writes = 0, attempt = attempt + 1, started_at = coalesce(started_at, now())
WHERE id = $1 RETURNING ${RUN_COLUMNS}`;

/** Takes and gives back leases. The holder is the one worker whose writes match the run's fencing token. */
@Injectable()
export class RunLeases {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly workers: Workers,
    private readonly reporter: FailureReporter,
  ) {}

  /** Begins the next attempt of a run that may run now, with its event; null when it may not, or somebody else is at it. */
  async take(runId: string): Promise<Run | null> {
    const candidate = await this.candidate(this.database, runId, '');
    if (candidate === null) return null;
    const lost = candidate.attempt > 0 ? await this.reportLost(candidate) : null;
    return this.database.transaction(async (tx) => {
      const locked = await this.candidate(tx, runId, ' FOR UPDATE');
      // Begun and given back meanwhile: its next wake-up tells that it was.
      if (locked === null || (locked.attempt > 0 && lost === null)) return null;
      const [run] = await tx.query<Run>(LEASE, [runId, this.workers.id]);
      if (run === undefined) return null;
      await tx.query('DELETE FROM run_text WHERE run_id = $1 AND attempt < $2', [runId, run.attempt]);
      await this.mailbox.append(tx, run.user_id, [beginning(run, lost)]);
      return run;
    });
  }

  /** Gives a run back before its process stops: the next worker takes it, and the attempt does not count against it. */
  async handOver(run: Run): Promise<void> {
    await this.database.query(
      `UPDATE runs SET status = 'queued', worker_id = NULL, dispatched_at = NULL, waiting_since = now(), max_attempts = max_attempts + 1
       WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [run.id, run.fence],
    );
  }

  private async candidate(sql: Pick<Transaction, 'query'>, runId: string, lock: string): Promise<Candidate | null> {
    const [run] = await sql.query<Candidate>(CANDIDATE + lock, [runId]);
    if (run === undefined || hasEnded(run) || run.attempt >= run.max_attempts) return null;
    const free = run.status === 'queued' || (run.status === 'running' && run.worker_id === null);
    return free && run.is_head ? run : null;
  }

  private reportLost(run: Run): Promise<Failure> {
    const error = ComponentError.agentSupervisor('WORKER_LOST', {
      details: { attempt: run.attempt, worker_id: run.worker_id },
    });
    const { id: run_id, user_id, thread_id } = run;
    return this.reporter.report(error, { operation: 'run.takeover', run_id, user_id, thread_id });
  }
}

function beginning(run: Run, lost: Failure | null): NewEvent {
  const place = { thread_id: run.thread_id, run_id: run.id, attempt: run.attempt };
  const { agent } = run;
  if (lost === null) return { ...place, type: 'agent_started', data: { agent, max_attempts: run.max_attempts } };
  return { ...place, type: 'agent_recovering', data: { agent, keep_index: 0, error: lost.error } };
}
