import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import type { NewEvent } from '../mailbox';
import { type ActiveRun, RunStop } from './active-runs';
import type { RegisteredAgent } from './agent-registry';
import { AttemptText } from './attempt-text';
import { Checkpoints } from './checkpoints.service';
import { EARLIER } from './lease-history';
import { type AskedQuestion, isQuestion } from './questions';
import { isFirstLease, type Run } from './run';
import { RunDatabase } from './run-database.service';
import { RunSteps, type StepMark, type StoredStep } from './run-steps.store';
import type { RunWriter } from './run-writer';
import { StepJournal } from './step-journal';
import { untilDatabaseTakes } from './until';

/** What one attempt knows of the steps before it, and writes of its own. */
export interface AttemptRecord {
  readonly journal: StepJournal;
  /** How long the attempt has run before it was interrupted by questions, in milliseconds. */
  readonly earlierMs: number;
  /** Text and thoughts come again that the answer has kept: they are dropped until the last completed step was asked for. */
  readonly repeating: boolean;
  /** Makes events durable, and what they tell of steps with them. */
  write(events: readonly NewEvent[], mark?: StepMark): Promise<void>;
  /** Asks the user once all that was said is stored, and interrupts the attempt: rejects with RunStop. */
  ask(question: AskedQuestion): Promise<never>;
  /** Rejects as `ask` does; null before it is called. What comes beside a question is not taken. */
  readonly asking: Promise<never> | null;
  /** @throws ComponentError AGENT_REPLAY_DIVERGED when the agent ends without having come to where it was */
  finish(): void;
}

/** Opens the record of an attempt: what its answer begins with, and which steps are done. */
@Injectable()
export class AttemptSteps {
  constructor(
    private readonly database: RunDatabase,
    private readonly steps: RunSteps,
    private readonly texts: AttemptText,
    private readonly checkpoints: Checkpoints,
    private readonly config: AppConfig,
  ) {}

  async open(run: Run, agent: RegisteredAgent, active: ActiveRun, writer: RunWriter): Promise<AttemptRecord> {
    const { signal } = active.controller;
    const first = isFirstLease(run);
    const stored = first ? [] : await untilDatabaseTakes(signal, () => this.steps.load(run));
    active.text = first ? '' : await untilDatabaseTakes(signal, () => this.texts.of(this.database, run));
    const earlierMs = first ? 0 : await untilDatabaseTakes(signal, () => this.earlierMs(run));
    active.attempt = run.attempt;
    active.usage = run.usage;
    const kept = active.text.length;
    const write: AttemptRecord['write'] = async (events, mark) => {
      const text_length = active.text.length;
      // What a later attempt continues from has to be there as soon as the step is.
      if (agent.continues && mark !== undefined) await this.checkpoints.settle(run.id, signal);
      const step = mark && { mark, text_length };
      await writer.append(events, signal, { step, usage: active.usage });
    };
    const interruptedAt = stored.filter((step) => isQuestion(step.key) && step.attempt === run.attempt).map(keyOf);
    const journal = new StepJournal(stored, (mark) => write([], mark), interruptedAt);
    const continued = kept > 0 || interruptedAt.length > 0;
    let asking: Promise<never> | null = null;
    return {
      journal,
      earlierMs,
      write,
      ask: (question) => (asking ??= this.ask(run, active, writer, question)),
      get asking() {
        return asking;
      },
      get repeating() {
        return continued && journal.behind;
      },
      finish: () => {
        if (continued && journal.behind) throw diverged(agent);
      },
    };
  }

  private async earlierMs({ id }: Run): Promise<number> {
    const [earlier] = await this.database.query<{ ms: number }>(EARLIER, [id]);
    return earlier?.ms ?? 0;
  }

  private async ask(run: Run, active: ActiveRun, writer: RunWriter, question: AskedQuestion): Promise<never> {
    const { controller } = active;
    // The attempt goes on from its text: a client that has seen some of it sees the rest.
    await this.checkpoints.settle(run.id, controller.signal);
    const expiresInMs = question.expiresInMs ?? this.config.agents.inputTimeoutMs;
    await writer.ask({ ...question, expiresInMs }, active);
    const stop = new RunStop('asked');
    controller.abort(stop);
    throw stop;
  }
}

function keyOf({ key }: StoredStep): string {
  return key;
}

function diverged({ name }: RegisteredAgent): ComponentError {
  return ComponentError.agentSupervisor('AGENT_REPLAY_DIVERGED', { details: { agent: name } });
}
