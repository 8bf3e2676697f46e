import { Injectable } from '@nestjs/common';
import { ComponentError, FailureReporter } from '../errors';
import { UserBus, type NewEvent } from '../mailbox';
import type { ActiveRun } from './active-runs';
import type { AgentOutput, ToolCompleted, ToolExecuting } from './agent';
import type { AttemptRecord } from './attempt-steps.service';
import { Checkpoints } from './checkpoints.service';
import type { Run } from './run';
import { RunMetrics } from './run-metrics';
import { addUsage } from './providers/usage';
import { safeObject } from './safe-text';
import { TextStream, type TextPiece } from './text-stream';

/** Longest answer, in UTF-16 units: it is kept in memory, and sent in one event. */
const MAX_ANSWER = 1_000_000;

/** Where the output of one attempt goes. */
export interface Output {
  /** The next piece of the answer leaves at once. */
  write(text: string): void;
  /** What is durable is so before this resolves. */
  accept(output: Exclude<AgentOutput, string>): Promise<void>;
  /** Lets go of what was held back of the text. */
  flush(): void;
}

/** Turns what an agent yields into deltas, checkpoints and durable events. */
@Injectable()
export class OutputSink {
  constructor(
    private readonly bus: UserBus,
    private readonly checkpoints: Checkpoints,
    private readonly reporter: FailureReporter,
    private readonly metrics: RunMetrics,
  ) {}

  open(run: Run, active: ActiveRun, record: AttemptRecord): Output {
    const text = new TextStream(active.text.length);
    const thoughts = new Map<string | undefined, number>();
    const write = (piece: TextPiece | null): void => {
      if (piece !== null) this.write(run, active, piece);
    };
    const isNews = (output: AgentOutput): boolean => {
      this.noteFirst(active);
      return !record.repeating || !isSaid(output);
    };
    return {
      write: (output) => {
        if (isNews(output)) write(text.push(output));
      },
      accept: async (output) => {
        if (!isNews(output)) return;
        if (output.type === 'usage') return void (active.usage = addUsage(active.usage, output.usage));
        const step = (thoughts.get(output.path) ?? 0) + 1;
        const event = await this.eventOf(run, output, step);
        if (event.type === 'agent_thinking') thoughts.set(output.path, step);
        const mark = isToolOutput(output) ? output.mark : undefined;
        await record.write([{ ...event, data: safeObject(event.data) }], mark);
      },
      flush: () => write(text.flush()),
    };
  }

  private noteFirst(active: ActiveRun): void {
    if (active.firstOutputMs !== null) return;
    active.firstOutputMs = Math.round(performance.now() - active.begunAt);
    this.metrics.phase('first_output', active.firstOutputMs);
  }

  private write(run: Run, active: ActiveRun, { index, text }: TextPiece): void {
    const { id: run_id, attempt, fence } = run;
    if (index + text.length > MAX_ANSWER) {
      throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', {
        details: { agent: run.agent, limit: MAX_ANSWER },
      });
    }
    active.text += text;
    this.bus.publish(run.user_id, { kind: 'delta', delta: { run_id, attempt, path: null, index, text } });
    this.checkpoints.add(run_id, { fence, attempt, index }, text);
  }

  private async eventOf(
    run: Run,
    output: Exclude<AgentOutput, string | { type: 'usage' }>,
    step: number,
  ): Promise<NewEvent> {
    const { path = null } = output;
    const place = { thread_id: run.thread_id, run_id: run.id, attempt: run.attempt, path };
    switch (output.type) {
      case 'thinking':
        return { ...place, type: 'agent_thinking', data: { text: output.text, step: output.step ?? step } };
      case 'progress':
        return { ...place, type: 'agent_progress', data: { progress: output.progress, message: output.message } };
      case 'tool_executing': {
        const { type, mark: _mark, path: _path, ...data } = output;
        return { ...place, type, data };
      }
      case 'tool_completed':
        return { ...place, type: 'tool_completed', data: await this.toolData(run, output) };
      default:
        throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', {
          details: { agent: run.agent, output: unexpected(output) },
        });
    }
  }

  private async toolData(
    run: Run,
    { type: _type, mark: _mark, path: _path, error, ...data }: ToolCompleted,
  ): Promise<NewEvent<'tool_completed'>['data']> {
    if (error === undefined) return data;
    const { id: run_id, user_id, thread_id } = run;
    const failure = await this.reporter.report(error, { operation: 'run.tool', run_id, user_id, thread_id });
    return { ...data, error: failure.error };
  }
}

/** What an attempt says again until it has come to where the last one was. Tools are told of where they run. */
function isSaid(output: AgentOutput): boolean {
  return typeof output === 'string' || output.type === 'thinking' || output.type === 'progress';
}

function isToolOutput(output: Exclude<AgentOutput, string>): output is ToolExecuting | ToolCompleted {
  return output.type === 'tool_executing' || output.type === 'tool_completed';
}

function unexpected(output: never): string {
  const value: unknown = output;
  return value === null ? 'null' : typeof value;
}
