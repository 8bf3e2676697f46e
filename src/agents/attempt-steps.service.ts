import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import type { NewEvent } from '../mailbox';
import { Database } from '../persistence';
import type { ActiveRun } from './active-runs';
import type { RegisteredAgent } from './agent-registry';
import { AttemptText } from './attempt-text';
import { Checkpoints } from './checkpoints.service';
import type { Run } from './run';
import { RunSteps, type StepMark } from './run-steps.store';
import type { RunWriter } from './run-writer';
import { StepJournal } from './step-journal';
import { untilDatabaseTakes } from './until';

/** What one attempt knows of the steps before it, and writes of its own. */
export interface AttemptRecord {
  readonly journal: StepJournal;
  /** Text and thoughts come again that the answer has kept: they are dropped until the last completed step was asked for. */
  readonly repeating: boolean;
  /** Makes events durable, and what they tell of steps with them. */
  write(events: readonly NewEvent[], marks: readonly StepMark[]): Promise<void>;
  /** @throws ComponentError AGENT_REPLAY_DIVERGED when the agent ends without having come to where it was */
  finish(): void;
}

/** Opens the record of an attempt: what its answer begins with, and which steps are done. */
@Injectable()
export class AttemptSteps {
  constructor(
    private readonly database: Database,
    private readonly steps: RunSteps,
    private readonly texts: AttemptText,
    private readonly checkpoints: Checkpoints,
  ) {}

  async open(run: Run, agent: RegisteredAgent, active: ActiveRun, writer: RunWriter): Promise<AttemptRecord> {
    const { signal } = active.controller;
    const first = run.attempt === 1;
    const stored = first ? [] : await untilDatabaseTakes(signal, () => this.steps.load(run));
    active.text = first ? '' : await untilDatabaseTakes(signal, () => this.texts.of(this.database, run));
    active.attempt = run.attempt;
    const kept = active.text.length;
    const write: AttemptRecord['write'] = async (events, marks) => {
      const text_length = active.text.length;
      // What a later attempt continues from has to be there as soon as the step is.
      if (agent.continues && marks.length > 0) await this.checkpoints.settle(run.id, signal);
      await writer.append(events, signal, { marks, text_length });
    };
    const journal = new StepJournal(stored, (marks) => write([], marks));
    return {
      journal,
      write,
      get repeating() {
        return kept > 0 && journal.behind;
      },
      finish: () => {
        if (kept > 0 && journal.behind) throw diverged(agent);
      },
    };
  }
}

function diverged({ name }: RegisteredAgent): ComponentError {
  return ComponentError.agentSupervisor('AGENT_REPLAY_DIVERGED', { details: { agent: name } });
}
