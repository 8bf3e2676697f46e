import type { PendingInput, RequestResult } from '@clarion/protocol';
import { answerUpdate } from './answer-update';
import { Later, Pulse } from './gate';
import { callSafely } from './listeners';
import type { Accepted, AnswerUpdate, Ask, ClarionRun, RunOutcome, RunQuestion } from './options';

/** What is told to a run: how its message, its answer and its end go. */
export class LiveRun implements ClarionRun {
  runId: string | null = null;
  answer = '';
  private readonly acceptance = new Later<Accepted>();
  private readonly outcome = new Later<RunOutcome>();
  private readonly changed = new Pulse();
  private readonly listeners = new Set<(update: AnswerUpdate) => void>();
  private readonly questioned = new Set<(question: RunQuestion) => void>();
  private question: RunQuestion | null = null;
  private failure: Error | null = null;

  constructor(
    readonly clientMessageId: string | null,
    readonly content: string | null,
    private readonly ask: Ask,
  ) {}

  get accepted(): Promise<Accepted> {
    return this.acceptance.promise;
  }

  get final(): Promise<RunOutcome> {
    return this.outcome.promise;
  }

  get over(): boolean {
    return this.outcome.settled;
  }

  onDelta(listener: (update: AnswerUpdate) => void): () => void {
    const own = (update: AnswerUpdate): void => listener(update);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  onQuestion(listener: (question: RunQuestion) => void): () => void {
    const own = (question: RunQuestion): void => listener(question);
    this.questioned.add(own);
    if (this.question) callSafely(own, this.question);
    return () => void this.questioned.delete(own);
  }

  async cancel(): Promise<RequestResult<'run_cancel'>> {
    const run_id = this.runId ?? (await this.accepted).runId;
    return this.ask('run_cancel', { run_id });
  }

  /** Each reader is given what changed since it last asked, so a slow one holds nothing up and keeps nothing in memory. */
  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerUpdate, void, void> {
    let given = '';
    for (;;) {
      const update = answerUpdate(given, this.answer);
      if (update !== null) {
        given = update.answer;
        yield update;
      } else if (this.failure !== null) throw this.failure;
      else if (this.over) return;
      else await this.changed.wait();
    }
  }

  accept(accepted: Accepted): void {
    this.runId = accepted.runId;
    this.acceptance.resolve(accepted);
  }

  update(answer: string): void {
    if (this.over) return;
    const update = answerUpdate(this.answer, answer);
    if (update === null) return;
    this.answer = answer;
    for (const listener of [...this.listeners]) callSafely(listener, update);
    this.changed.pulse();
  }

  /** The run waits for an answer to this; null: for none. Told again, it is the same question. */
  asked(runId: string, pending: PendingInput | null): void {
    if (pending?.input_id === this.question?.inputId) return;
    this.question = pending && this.questionOf(runId, pending);
    for (const listener of [...this.questioned]) if (this.question) callSafely(listener, this.question);
  }

  private questionOf(run_id: string, { input_id, prompt, schema, expires_at }: PendingInput): RunQuestion {
    const answer: RunQuestion['answer'] = (value) => this.ask('input_submit', { run_id, input_id, value });
    return { inputId: input_id, prompt, schema, expiresAt: expires_at, answer };
  }

  end(outcome: RunOutcome): void {
    if (this.over) return;
    this.update(outcome.content);
    this.outcome.resolve(outcome);
    this.changed.pulse();
  }

  /** The message was refused, the run is gone, or nobody will hear of it any more. */
  reject(error: Error): void {
    if (this.over) return;
    this.failure = error;
    this.acceptance.reject(error);
    this.outcome.reject(error);
    this.changed.pulse();
  }
}
