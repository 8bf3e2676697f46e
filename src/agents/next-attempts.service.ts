import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import type { Failure } from '../errors';
import type { NewEvent } from '../mailbox';
import type { Transaction } from '../persistence';
import { ActiveRuns } from './active-runs';
import { AttemptText } from './attempt-text';
import { Dispatcher } from './dispatcher.service';
import { leaseEnds } from './lease-history';
import type { Verdict } from './retry-policy.service';
import { type AttemptFailure, RUN_COLUMNS, type Run, usageJson } from './run';
import { moves } from './run-states';

/** A verdict under which a run goes on, and the failure that led to it. */
export interface NextAttempt {
  readonly verdict: Exclude<Verdict, { kind: 'fail' }>;
  readonly failure: Failure;
}

const begin = (kind: NextAttempt['verdict']['kind']): string => `
UPDATE runs SET ${moves(kind)}, ${leaseEnds(kind, '$6')}, agent = $2, max_attempts = $3, failures = failures || $4::jsonb, usage = coalesce($7::jsonb, usage), worker_id = NULL, dispatched_at = NULL,
  next_attempt_at = now() + $5 * interval '1 millisecond', waiting_since = now() + $5 * interval '1 millisecond'
WHERE id = $1 RETURNING ${RUN_COLUMNS}`;

/** Begins the attempt that follows a failed one: it waits until it is due, without a worker. */
@Injectable()
export class NextAttempts {
  constructor(
    private readonly active: ActiveRuns,
    private readonly texts: AttemptText,
    private readonly dispatcher: Dispatcher,
    private readonly config: AppConfig,
  ) {}

  /** For a run that the transaction has locked; the caller appends the event that this gives, in the same transaction. */
  async begin(tx: Transaction, failed: Run, { verdict, failure }: NextAttempt): Promise<NewEvent> {
    const { agent, kind } = verdict;
    const delayMs = kind === 'retry' ? verdict.delayMs : 0;
    const budget = agent.maxAttempts ?? this.config.agents.maxAttempts;
    const maxAttempts = kind === 'retry' ? failed.max_attempts : failed.attempt + budget;
    const failures = JSON.stringify([failureOf(failed, failure)]);
    const { active } = this;
    const known = [active.firstOutputMs(failed), usageJson(active.usage(failed))];
    const values = [failed.id, agent.name, maxAttempts, failures, delayMs, ...known];
    const [run] = await tx.query<Run>(begin(kind), values);
    if (run === undefined) throw new Error(`run ${failed.id} has gone under its own lock`);
    const keepIndex = await this.texts.carryOver(tx, run);
    tx.afterCommit(() => this.dispatcher.wakeAgent(failed.agent));
    tx.afterCommit(() => this.dispatcher.wakeIn(delayMs, run.user_id));
    return eventOf(run, failed.agent, kind, { keepIndex, delayMs, failure });
  }
}

function failureOf({ attempt, agent }: Run, { cause, support_code }: Failure): AttemptFailure {
  return { attempt, agent, reason: cause.reason, support_code };
}

interface Begun {
  readonly keepIndex: number;
  readonly delayMs: number;
  readonly failure: Failure;
}

function eventOf(run: Run, from: string, kind: NextAttempt['verdict']['kind'], begun: Begun): NewEvent {
  const place = { thread_id: run.thread_id, run_id: run.id, attempt: run.attempt };
  const kept = { keep_index: begun.keepIndex, error: begun.failure.error };
  if (kind === 'fall_back') return { ...place, type: 'agent_fallback', data: { from, to: run.agent, ...kept } };
  const data = { agent: run.agent, max_attempts: run.max_attempts, delay_ms: begun.delayMs, ...kept };
  return { ...place, type: 'agent_retrying', data };
}
