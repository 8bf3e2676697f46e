import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { MailboxStore } from '../mailbox';
import { Database } from '../persistence';
import { hasEnded, type Run } from './run';
import { RunEnding } from './run-ending.service';
import { RunStore } from './run.store';

interface Doomed {
  id: string;
  user_id: string;
  thread_id: string;
  attempt: number;
}

type StillDoomed = (run: Run) => boolean;

const DOOMED = 'r.id, r.user_id, r.thread_id, r.attempt';

/** Ends runs that nobody advances and nobody may: the bound of every wait. */
@Injectable()
export class RunFailures {
  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly mailbox: MailboxStore,
    private readonly ending: RunEnding,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** Runs that lost their worker in their last attempt. */
  async failExhausted(limit: number): Promise<void> {
    const runs = await this.database.query<Doomed>(
      `SELECT ${DOOMED} FROM runs r
       WHERE r.finished_at IS NULL AND r.attempt >= r.max_attempts AND (r.status = 'queued' OR r.worker_id IS NULL) LIMIT $1`,
      [limit],
    );
    for (const run of runs) {
      const error = ComponentError.agentSupervisor('RUN_ATTEMPTS_EXHAUSTED', { details: { attempts: run.attempt } });
      await this.fail(run, error, ({ status, worker_id }) => status === 'queued' || worker_id === null);
    }
  }

  /** Runs that were next in their thread for longer than RUN_QUEUE_TIMEOUT_MS. */
  async failExpired(limit: number): Promise<void> {
    const limitMs = this.config.agents.queueTimeoutMs;
    const runs = await this.database.query<Doomed>(
      `SELECT ${DOOMED} FROM runs r
       WHERE r.status = 'queued' AND r.created_at < now() - $1 * interval '1 millisecond'
         AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.thread_id = r.thread_id AND o.ordinal < r.ordinal
           AND (o.finished_at IS NULL OR o.finished_at > now() - $1 * interval '1 millisecond')) LIMIT $2`,
      [limitMs, limit],
    );
    for (const run of runs) {
      const error = ComponentError.agentSupervisor('RUN_QUEUE_TIMEOUT', { details: { timeout_ms: limitMs } });
      await this.fail(run, error, ({ status }) => status === 'queued');
    }
  }

  private async fail(doomed: Doomed, error: ComponentError, stillDoomed: StillDoomed): Promise<void> {
    const { id: run_id, user_id, thread_id } = doomed;
    const failure = await this.reporter.report(error, { operation: 'run.reconcile', run_id, user_id, thread_id });
    await this.database.transaction(async (tx) => {
      const run = await this.runs.lock(tx, run_id, user_id);
      if (run === null || hasEnded(run) || !stillDoomed(run)) return;
      const content = await this.ending.textOf(tx, run);
      const event = await this.ending.end(tx, run, { status: 'failed', content, error: failure.error });
      await this.mailbox.append(tx, user_id, [event]);
    });
  }
}
