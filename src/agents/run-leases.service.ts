import type { Usage } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { ComponentError, FailureReporter, type Failure } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, GroupCommit, isOutage, type Transaction } from '../persistence';
import { AttemptText } from './attempt-text';
import { LeaseBatch, type LeaseTry, type Taken } from './lease-batch.service';
import { leaseEnds } from './lease-history';
import { RUN_COLUMNS, type Run, usageJson } from './run';
import { RunDatabase } from './run-database.service';
import { IDLE, may, moves } from './run-states';
import { untilDatabaseTakes } from './until';

const RECOVER = `
UPDATE runs SET ${moves('recover')} WHERE id = $1 AND fence = $2 AND attempt = $3 AND ${may('recover')} RETURNING ${RUN_COLUMNS}`;

const RECOVERED = `SELECT ${RUN_COLUMNS} FROM runs WHERE id = $1 AND fence = $2 AND attempt = $3 + 1 AND status = 'running'`;

/** Gives back what a process does not begin any more: whoever is next is given it anew. */
const DECLINE = `UPDATE runs r SET dispatched_at = NULL WHERE id = $1 AND ${IDLE}`;

const LANES = 2;
const BATCH = 64;
/** They are no more than the runs that this process may advance. */
const MAX_WAITING = Number.POSITIVE_INFINITY;

/** Takes and gives back leases. The holder is the one worker whose writes match the run's fencing token. */
@Injectable()
export class RunLeases {
  private readonly taking: GroupCommit<LeaseTry, Taken | null>;

  constructor(
    database: Database,
    private readonly forRuns: RunDatabase,
    private readonly batch: LeaseBatch,
    private readonly mailbox: MailboxStore,
    private readonly texts: AttemptText,
    private readonly reporter: FailureReporter,
  ) {
    this.taking = new GroupCommit<LeaseTry, Taken | null>({
      writeAll: async (tries) => {
        const taken = await database.transaction((tx) => this.batch.takeAndCommit(tx, tries));
        return taken.map((value) => ({ ok: true, value }));
      },
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      maxWaiting: MAX_WAITING,
    });
  }

  /**
   * Takes the lease of a run that may run now, in its next attempt or the one that waits for its time; null when it may not, or somebody else
   * is at it. While the database is away this waits for it. @throws RunStop when this process stops meanwhile
   */
  async take(runId: string, shutdown: AbortSignal): Promise<Run | null> {
    const key = uuidv7();
    const taken = await untilDatabaseTakes(shutdown, () => this.taking.submit({ runId, key }));
    if (taken?.repeated) await untilDatabaseTakes(shutdown, () => this.mailbox.announce(taken.run.user_id));
    return taken?.claimed ? this.recover(taken, shutdown) : (taken?.run ?? null);
  }

  /** Refuses a run whose wake-up came too late: this process stops. */
  async decline(runId: string): Promise<void> {
    await this.forRuns.query(DECLINE, [runId]);
  }

  /** Whether this very lease is the last one, and its run has not ended. */
  async holds({ id, fence }: Run): Promise<boolean> {
    const text = `SELECT 1 FROM runs WHERE id = $1 AND fence = $2 AND status = 'running'`;
    return (await this.forRuns.query(text, [id, fence])).length > 0;
  }

  /** Gives a run back before its process stops: the next worker takes it, and the attempt does not count against it. */
  async handOver(run: Run, usage: Usage | null): Promise<void> {
    await this.forRuns.query(
      `UPDATE runs SET ${moves('hand_over')}, ${leaseEnds('hand_over', 'NULL')}, worker_id = NULL, dispatched_at = NULL, waiting_since = now(), max_attempts = max_attempts + 1,
         usage = coalesce($3::jsonb, usage)
       WHERE id = $1 AND fence = $2 AND ${may('hand_over')}`,
      [run.id, run.fence, usageJson(usage)],
    );
  }

  /** Begins the next attempt of a claimed run. Whoever has claimed it is alone, so that the loss is on record once. */
  private async recover({ run: claimed, lost_worker }: Taken, shutdown: AbortSignal): Promise<Run | null> {
    const lost = await this.reportLost(claimed, lost_worker);
    const lease = [claimed.id, claimed.fence, claimed.attempt];
    const work = async (tx: Transaction): Promise<{ run: Run; begun: boolean } | null> => {
      const [run] = await tx.query<Run>(RECOVER, lease);
      const [earlier] = run ? [] : await tx.query<Run>(RECOVERED, lease);
      if (run === undefined) return earlier ? { run: earlier, begun: false } : null;
      const keepIndex = await this.texts.carryOver(tx, run);
      await this.mailbox.append(tx, run.user_id, [recovering(run, keepIndex, lost)]);
      return { run, begun: true };
    };
    const recovered = await untilDatabaseTakes(shutdown, () => this.forRuns.transaction(work));
    if (recovered?.begun === false) await untilDatabaseTakes(shutdown, () => this.mailbox.announce(claimed.user_id));
    return recovered?.run ?? null;
  }

  private reportLost(run: Run, worker_id: string | null): Promise<Failure> {
    const error = ComponentError.agentSupervisor('WORKER_LOST', { details: { attempt: run.attempt, worker_id } });
    const { id: run_id, user_id, thread_id } = run;
    return this.reporter.report(error, { operation: 'run.takeover', run_id, user_id, thread_id });
  }
}

function recovering({ thread_id, id: run_id, attempt, agent }: Run, keep_index: number, lost: Failure): NewEvent {
  return { thread_id, run_id, attempt, type: 'agent_recovering', data: { agent, keep_index, error: lost.error } };
}
