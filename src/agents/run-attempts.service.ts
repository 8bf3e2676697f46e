import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { MailboxStore } from '../mailbox';
import { Database } from '../persistence';
import { RunStop, type ActiveRun } from './active-runs';
import { createAgentContext } from './agent-context';
import { AgentRegistry, type RegisteredAgent } from './agent-registry';
import type { AgentContext } from './agent';
import { OutputSink } from './output-sink.service';
import type { Run } from './run';
import { RunEnding } from './run-ending.service';
import { RunLeases } from './run-leases.service';
import { RunStore } from './run.store';
import { RunWriter } from './run-writer';
import { giveTurn } from './turns';
import { untilAborted, untilDatabaseTakes } from './until';

/** Drives one attempt of a leased run from its first output to its end. */
@Injectable()
export class RunAttempts {
  private readonly logger = new Logger(RunAttempts.name);

  constructor(
    private readonly registry: AgentRegistry,
    private readonly runs: RunStore,
    private readonly leases: RunLeases,
    private readonly sink: OutputSink,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** Resolves when the run has ended, was handed over, or is somebody else's. */
  async advance(run: Run, active: ActiveRun, writer: RunWriter): Promise<void> {
    const { signal } = active.controller;
    let clock: NodeJS.Timeout | undefined;
    try {
      const agent = this.registry.get(run.agent);
      clock = this.startClock(agent, active);
      await this.drive(run, agent, active, writer);
      clearTimeout(clock);
      await writer.end({ status: 'completed', content: active.text, usage: null }, active.shutdown);
    } catch (error) {
      clearTimeout(clock);
      await this.conclude(run, active, writer, signal.aborted ? signal.reason : error);
    }
  }

  private startClock(agent: RegisteredAgent, active: ActiveRun): NodeJS.Timeout {
    const timeoutMs = agent.timeoutMs ?? this.config.agents.totalTimeoutMs;
    const error = ComponentError.agentSupervisor('AGENT_TIMEOUT', {
      details: { agent: agent.name, clock: 'total', timeout_ms: timeoutMs },
    });
    return setTimeout(() => active.controller.abort(error), timeoutMs);
  }

  private async drive(run: Run, agent: RegisteredAgent, active: ActiveRun, writer: RunWriter): Promise<void> {
    const { signal } = active.controller;
    const stream = agent.runner.run(await this.contextOf(run, signal));
    const output = this.sink.open(run, active, writer);
    let finished = false;
    try {
      for (;;) {
        const next = await untilAborted(signal, () => stream.next());
        finished = next.done === true;
        if (next.done) break;
        await output.accept(next.value);
        await giveTurn();
      }
      output.flush();
    } finally {
      if (!finished) this.abandon(run, stream);
    }
  }

  private async contextOf(run: Run, signal: AbortSignal): Promise<AgentContext> {
    const message = await untilDatabaseTakes(signal, () => this.runs.messageContent(run));
    const { id: run_id, thread_id, user_id, attempt } = run;
    const history: AgentContext['history'] = (limit = 20) =>
      untilDatabaseTakes(signal, () => this.runs.history(run, limit));
    return createAgentContext({ message, run_id, thread_id, user_id, attempt, signal, history });
  }

  /** Lets the agent run its `finally` blocks, without waiting for one that never comes to them. */
  private abandon(run: Run, stream: AsyncGenerator): void {
    stream.return(undefined).catch((error: unknown) =>
      this.reporter.report(error, {
        operation: 'run.abandon',
        component: 'AgentSupervisor',
        run_id: run.id,
        user_id: run.user_id,
      }),
    );
  }

  private async conclude(run: Run, active: ActiveRun, writer: RunWriter, error: unknown): Promise<void> {
    if (error instanceof RunStop) return this.stop(run, error);
    const { id: run_id, user_id, thread_id } = run;
    const context = { operation: 'run.execute', component: 'AgentSupervisor', run_id, user_id, thread_id } as const;
    const failure = await this.reporter.report(error, context);
    try {
      await writer.end({ status: 'failed', content: active.text, error: failure.error }, active.shutdown);
    } catch (endError) {
      if (!(endError instanceof RunStop)) throw endError;
      await this.stop(run, endError);
    }
  }

  private async stop(run: Run, stop: RunStop): Promise<void> {
    if (stop.kind === 'shutdown') return this.leases.handOver(run);
    if (stop.kind === 'lease_lost') {
      this.logger.warn(
        { run_id: run.id, fence: run.fence },
        'Lost the lease of a run: another worker has it, nothing more is written here',
      );
    }
  }
}

/** What a writer of a run needs, gathered for the executor. */
@Injectable()
export class RunWriters {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly ending: RunEnding,
  ) {}

  of(run: Run): RunWriter {
    return new RunWriter(run, { database: this.database, mailbox: this.mailbox, ending: this.ending });
  }
}
