import { isDeepStrictEqual } from 'node:util';
import type { RequestPayload, RequestResult } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import type { ActiveRun } from './active-runs';
import { allOf } from './all-of';
import { Dispatcher } from './dispatcher.service';
import { leaseEnds } from './lease-history';
import { type Answer, type AskedQuestion, checkInput } from './questions';
import { type Run, usageJson } from './run';
import { type DueInput, RunInputs, type StoredInput } from './run-inputs.store';
import { may, moves } from './run-states';
import { RunSteps } from './run-steps.store';
import { RunStore } from './run.store';

/** The run waits for a worker only when it is answered; should nobody ever say that its time is over, that of the queue is. */
const ASK = `
UPDATE runs SET ${moves('ask')}, worker_id = NULL, dispatched_at = NULL, next_attempt_at = NULL, waiting_since = $2, usage = coalesce($4::jsonb, usage),
  ${leaseEnds('ask', '$3')}
WHERE id = $1 AND ${may('ask')}`;

const RESOLVE = `
UPDATE runs SET ${moves('resolve')}, dispatched_at = NULL, next_attempt_at = date_trunc('milliseconds', now()), waiting_since = now()
WHERE id = $1 AND ${may('resolve')} RETURNING id`;

/** What is told of a run that asks. */
export type AskingRun = Pick<ActiveRun, 'text' | 'usage' | 'firstOutputMs' | 'shutdown'>;

/** Questions of agents to their user: the run waits without a worker until it is answered, or its time is over. */
@Injectable()
export class RunQuestions {
  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly inputs: RunInputs,
    private readonly steps: RunSteps,
    private readonly mailbox: MailboxStore,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** For a run that the transaction has locked under its lease; the caller appends the event that this gives. */
  async open(tx: Transaction, run: Run, question: AskedQuestion, active: AskingRun): Promise<NewEvent> {
    const data = await this.inputs.open(tx, run, question, active.text.length);
    await tx.query(ASK, [run.id, data.expires_at, active.firstOutputMs, usageJson(active.usage)]);
    // Another run of the agent or the user may take the place.
    tx.afterCommit(() => this.dispatcher.wakeAgent(run.agent));
    tx.afterCommit(() => this.dispatcher.wake(run.user_id));
    const { thread_id, id: run_id, attempt } = run;
    return { thread_id, run_id, attempt, path: question.path, type: 'input_required', data };
  }

  /**
   * `input_submit`: repeated, it gives the same answer and does nothing.
   * @throws ComponentError RUN_NOT_FOUND, INPUT_NOT_FOUND, INPUT_CLOSED, INPUT_INVALID
   */
  submit(
    userId: string,
    { run_id, input_id, value }: RequestPayload<'input_submit'>,
  ): Promise<RequestResult<'input_submit'>> {
    return this.database.transaction(async (tx) => {
      const run = await this.runs.lock(tx, run_id, userId);
      if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
      const input = await this.inputs.find(tx, run_id, input_id);
      if (input === null) throw ComponentError.messageHandler('INPUT_NOT_FOUND');
      if (input.value !== null && isDeepStrictEqual(JSON.parse(input.value), value)) return { duplicate: true };
      const outcome = input.outcome ?? (input.overdue ? 'expired' : null);
      if (outcome !== null) throw ComponentError.messageHandler('INPUT_CLOSED', { details: { outcome } });
      const answer = { outcome: 'submitted', value: checkInput(input.schema, value) } as const;
      await this.resolve(tx, run, input, answer, JSON.stringify(value));
      return { duplicate: false };
    });
  }

  /** Closes questions whose time is over; their agents decide what that means. */
  async expireDue(limit: number): Promise<void> {
    const due = await this.inputs.due(limit);
    await allOf(due.map((one) => () => this.expire(one)));
  }

  private async expire({ id, run_id, user_id }: DueInput): Promise<void> {
    await this.database.transaction(async (tx) => {
      const run = await this.runs.lock(tx, run_id, user_id);
      const input = await this.inputs.find(tx, run_id, id);
      if (run === null || input === null || input.outcome !== null) return;
      await this.resolve(tx, run, input, { outcome: 'expired', timeout_ms: input.timeout_ms });
    });
  }

  /** The answer becomes a step that is done, and the run may go on: its attempt comes to the question again. */
  private async resolve(tx: Transaction, run: Run, input: StoredInput, answer: Answer, value?: string): Promise<void> {
    const { id, key, text_length } = input;
    const event = await this.inputs.close(tx, run, id, answer.outcome, value);
    const mark = { key, state: 'completed', result: JSON.stringify(answer) } as const;
    await this.steps.record(tx, [{ run, mark, text_length }]);
    const woken = await tx.query(RESOLVE, [run.id]);
    if (woken.length === 0) throw new Error(`run ${run.id} has an open question and does not wait`);
    await this.mailbox.append(tx, run.user_id, [event]);
    tx.afterCommit(() => this.dispatcher.wake(run.user_id));
  }
}
