import { Injectable } from '@nestjs/common';
import { FailureReporter } from '../errors';
import { abandon } from './abandon';
import type { ActiveRun } from './active-runs';
import type { AgentContext } from './agent';
import { createAgentContext } from './agent-context';
import { AgentRegistry, type RegisteredAgent } from './agent-registry';
import { AttemptFailures } from './attempt-failures.service';
import { type AttemptRecord, AttemptSteps } from './attempt-steps.service';
import { OutputSink } from './output-sink.service';
import type { Run } from './run';
import { type ClockLimits, RunClocks } from './run-clocks';
import { RunStore } from './run.store';
import type { RunWriter } from './run-writer';
import { SubAgents } from './sub-agents';
import { turnDue } from './turns';
import { AbortableWait, untilDatabaseTakes } from './until';

/** One attempt under way. */
interface Attempt {
  readonly run: Run;
  readonly agent: RegisteredAgent;
  readonly active: ActiveRun;
  readonly record: AttemptRecord;
  readonly clocks: RunClocks;
  readonly limits: ClockLimits;
}

/** Drives one attempt of a leased run from its first output to its end. */
@Injectable()
export class RunAttempts {
  constructor(
    private readonly registry: AgentRegistry,
    private readonly runs: RunStore,
    private readonly steps: AttemptSteps,
    private readonly sink: OutputSink,
    private readonly failures: AttemptFailures,
    private readonly reporter: FailureReporter,
  ) {}

  /** Resolves when the run has ended, waits for its next attempt or its user, was handed over, or is somebody else's. */
  async advance(run: Run, active: ActiveRun, writer: RunWriter): Promise<void> {
    const { signal } = active.controller;
    const [outcome] = await Promise.allSettled([this.complete(run, active, writer)]);
    if (outcome.status === 'fulfilled') return;
    await this.failures.conclude(run, active, writer, signal.aborted ? signal.reason : outcome.reason);
  }

  private async complete(run: Run, active: ActiveRun, writer: RunWriter): Promise<void> {
    const agent = this.registry.get(run.agent);
    const limits = this.registry.limitsOf(agent);
    const record = await this.steps.open(run, agent, active, writer);
    const clocks = new RunClocks(agent.name, limits, active.controller, record.earlierMs);
    await this.drive({ run, agent, active, record, clocks, limits }).finally(() => clocks.stop());
    await writer.end({ status: 'completed', content: active.text, usage: active.usage }, active.shutdown);
  }

  private async drive(attempt: Attempt): Promise<void> {
    const { run, agent, active, record, clocks } = attempt;
    const { signal } = active.controller;
    const stream = agent.runner.run(await this.contextOf(attempt));
    const output = this.sink.open(run, active, record);
    const waiting = new AbortableWait(signal);
    const next = (): ReturnType<typeof stream.next> => waiting.until(() => stream.next());
    let finished = false;
    try {
      for (;;) {
        const { done, value } = await clocks.untilOutput(next);
        if (record.asking !== null) await record.asking;
        finished = done === true;
        if (done) break;
        if (typeof value === 'string') output.write(value);
        else await output.accept(value);
        const turn = turnDue();
        if (turn !== null) await turn;
      }
      record.finish();
      output.flush();
    } finally {
      waiting.end();
      if (!finished) abandon(stream, this.reporter, run);
    }
  }

  private async contextOf({ run, agent, active, record, clocks, limits }: Attempt): Promise<AgentContext> {
    const { signal } = active.controller;
    const message = await untilDatabaseTakes(signal, () => this.runs.messageContent(run));
    const { id: run_id, thread_id, user_id, attempt } = run;
    const history: AgentContext['history'] = (limit = 20) =>
      untilDatabaseTakes(signal, () => this.runs.history(run, limit));
    const source = { message, run_id, thread_id, user_id, attempt, signal, history };
    const { journal } = record;
    const subAgents = new SubAgents(run, this.registry, this.reporter);
    const ask: AttemptRecord['ask'] = (question) => {
      // The user has all the time that the question gives.
      clocks.stop();
      return record.ask(question);
    };
    return createAgentContext(source, {
      clocks,
      journal,
      ask,
      continues: agent.continues,
      toolTimeoutMs: limits.toolMs,
      mayRepeat: () => this.failures.mayRepeatStep(),
      subAgents,
    });
  }
}
