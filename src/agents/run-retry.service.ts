import { Injectable } from '@nestjs/common';
import type { RequestResult } from '@clarion/protocol';
import { v7 as uuidv7 } from 'uuid';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { MailboxStore } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import { currentTraceparent } from '../telemetry';
import { refuseBeyondLimit } from './accepting';
import { AgentRegistry } from './agent-registry';
import type { Run } from './run';
import { RunEnding } from './run-ending.service';
import { RunStore } from './run.store';

/** `run_retry`: a new run for the message of one that failed or was cancelled. */
@Injectable()
export class RunRetry {
  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly mailbox: MailboxStore,
    private readonly ending: RunEnding,
    private readonly registry: AgentRegistry,
    private readonly config: AppConfig,
  ) {}

  /**
   * Repeated, it gives the same new run.
   * @throws ComponentError RUN_NOT_FOUND, RUN_NOT_RETRYABLE, AGENT_UNKNOWN, QUEUED_RUNS_LIMIT
   */
  retry(userId: string, runId: string): Promise<RequestResult<'run_retry'>> {
    return this.database.transaction(async (tx) => {
      // The thread first: rows are locked in one order everywhere.
      await tx.query(
        'SELECT 1 FROM threads t JOIN runs r ON r.thread_id = t.id WHERE r.id = $1 AND r.user_id = $2 FOR UPDATE OF t',
        [runId, userId],
      );
      const run = await this.runs.lock(tx, runId, userId);
      if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
      if (run.status !== 'failed' && run.status !== 'cancelled') {
        throw ComponentError.messageHandler('RUN_NOT_RETRYABLE', { details: { status: run.status } });
      }
      const [earlier] = await tx.query<{ id: string }>('SELECT id FROM runs WHERE retry_of = $1', [runId]);
      return { run_id: earlier?.id ?? (await this.create(tx, run)) };
    });
  }

  private async create(tx: Transaction, run: Run): Promise<string> {
    const id = uuidv7();
    const agent = this.registry.get(run.agent);
    const active = await this.runs.lockActive(tx, [run.thread_id]);
    const queued = active.filter(({ status }) => status === 'queued').length;
    refuseBeyondLimit(queued, this.config.agents.queuedRunsPerThread);
    await tx.query(
      `INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts, retry_of, traceparent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        id,
        run.user_id,
        run.thread_id,
        run.message_id,
        run.agent,
        agent.maxAttempts ?? this.config.agents.maxAttempts,
        run.id,
        currentTraceparent(),
      ],
    );
    const data = { agent: run.agent, position: active.length };
    await this.mailbox.append(tx, run.user_id, [{ type: 'run_queued', data, thread_id: run.thread_id, run_id: id }]);
    this.ending.wakeAfterCommit(tx, run.user_id);
    return id;
  }
}
