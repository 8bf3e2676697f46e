import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { FailureReporter } from '../errors';
import { UserBus } from '../mailbox';
import { Database } from '../persistence';
import { Dispatcher } from './dispatcher.service';
import type { Run } from './run';

interface Moved {
  readonly run_id: string;
  readonly user_id: string;
  readonly position: number;
}

/** Of each thread (`$1`) the queued runs behind the first that has ended (`$2`), and how many go before them now. */
const MOVED = `
SELECT id AS run_id, user_id, position FROM (
  SELECT r.id, r.user_id, r.status, r.ordinal > m.ordinal AS moved,
    (row_number() OVER (PARTITION BY r.thread_id ORDER BY r.ordinal) - 1)::int AS position
  FROM unnest($1::uuid[], $2::bigint[]) AS m (thread_id, ordinal) JOIN runs r ON r.thread_id = m.thread_id AND r.finished_at IS NULL) AS active
WHERE moved AND status = 'queued'`;

/** Threads that are looked at by one statement. */
const BATCH = 500;

/** Lets those go on who waited for a run: in its thread, for a place of its user, for one of its agent. */
@Injectable()
export class RunFollowers {
  /** Threads in which runs have ended, each with the first of these. */
  private readonly moved = new Map<string, number>();
  private telling = false;

  constructor(
    private readonly database: Database,
    private readonly dispatcher: Dispatcher,
    private readonly bus: UserBus,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** The user has something new that waits. */
  wake(userId: string): void {
    this.dispatcher.wake(userId);
  }

  /** To be called after the commit that has ended the run. `alone`: its user had no other that has not ended. */
  ended({ user_id, agent, thread_id, ordinal }: Run, alone: boolean): void {
    this.dispatcher.wakeAgent(agent);
    // What was accepted meanwhile has places of its own, where there is more than one; what exceeds them the reconciler finds within a second.
    if (alone && this.config.agents.runsPerUser !== 1) return;
    this.dispatcher.wake(user_id);
    this.moved.set(thread_id, Math.min(ordinal, this.moved.get(thread_id) ?? ordinal));
    if (!this.telling) void this.tell();
  }

  /** One statement at a time: what ends meanwhile shares the next. */
  private async tell(): Promise<void> {
    this.telling = true;
    while (this.moved.size > 0) {
      const ended = [...this.moved].slice(0, BATCH);
      for (const [threadId] of ended) this.moved.delete(threadId);
      await this.tellOf(ended);
    }
    this.telling = false;
  }

  /** Positions are ephemeral: one that could not be told is in the next snapshot. */
  private async tellOf(ended: readonly [string, number][]): Promise<void> {
    try {
      const values = [ended.map(([threadId]) => threadId), ended.map(([, ordinal]) => ordinal)];
      for (const { user_id, ...position } of await this.database.query<Moved>(MOVED, values)) {
        this.bus.publish(user_id, { kind: 'position', position });
      }
    } catch (error) {
      await this.reporter.report(error, { operation: 'run.positions' });
    }
  }
}
