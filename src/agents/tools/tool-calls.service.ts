import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError, type Reason } from '../../errors';
import type { AgentContext, AgentOutput } from '../agent';
import { boundedText } from '../safe-text';
import { untilDatabaseTakes } from '../until';
import { Progress, withProgress } from './progress';
import { shownResult } from './redact';
import { READ_TOOL_RESULT } from './read-tool-result.tool';
import { type RegisteredTool, type ToolContext, ToolError } from './tool';
import { ToolResultStore } from './tool-result.store';

/** Longest result that is kept, in UTF-16 units. */
const MAX_KEPT = 1_000_000;
/** Room for the note that a result was cut off. */
const NOTE_CHARS = 190;

/** What the model is told of a call. */
export interface ToolAnswer {
  readonly ok: boolean;
  readonly text: string;
}

/** Calls tools on a model's behalf: visibly, with checked arguments, in bounded time and with bounded results. */
@Injectable()
export class ToolCalls {
  constructor(
    private readonly results: ToolResultStore,
    private readonly config: AppConfig,
  ) {}

  /**
   * Use with `yield*`. A tool that fails does not end the run: the model is told, the user sees it.
   * @param id names the call within the run: a later attempt gets the result that is there
   * @throws the signal's reason; ComponentError STEP_OUTCOME_UNKNOWN
   */
  async *call(
    ctx: AgentContext,
    tool: RegisteredTool,
    { id, input }: { id: string; input: unknown },
  ): AsyncGenerator<AgentOutput, ToolAnswer, void> {
    const parsed = tool.parse(input);
    if ('problem' in parsed) {
      yield ctx.thinking(`The arguments for ${tool.name} do not fit, and the model is told.`);
      return { ok: false, text: `Not called, the arguments are not valid: ${boundedText(parsed.problem, 1_000)}` };
    }
    const { args } = parsed;
    const progress = new Progress();
    const run = (signal: AbortSignal): Promise<string> => this.run(ctx, tool, args, { signal, progress });
    const summary = (text: string): string => shownResult(text, tool.redact);
    const { name, idempotent, redact } = tool;
    const call = ctx.tool(name, args, run, { id, summary, idempotent, redact: redact.arguments });
    try {
      return { ok: true, text: yield* withProgress(call, progress) };
    } catch (error) {
      ctx.signal.throwIfAborted();
      return failureFor(error);
    }
  }

  private async run(
    { run_id, thread_id, user_id, ...ctx }: AgentContext,
    tool: RegisteredTool,
    args: unknown,
    { signal, progress }: { signal: AbortSignal; progress: Progress },
  ): Promise<string> {
    // A tool that works on what is hidden may speak of it.
    const shown = (message: string): string => (tool.redact.result ? tool.name : message);
    const report: ToolContext['progress'] = (fraction, message) =>
      progress.report(ctx.progress(fraction, shown(message)));
    const context = { run_id, thread_id, user_id, signal, progress: report };
    return this.bounded(context, tool.name, await tool.call(args, context));
  }

  /** A result that a model can take at once: the beginning of a longer one, which is kept to be read on. */
  private async bounded(ctx: ToolContext, tool: string, text: string): Promise<string> {
    const { toolResultChars } = this.config.llm;
    if (text.length <= toolResultChars) return boundedText(text, toolResultChars);
    const whole = boundedText(text, MAX_KEPT);
    const id = await untilDatabaseTakes(ctx.signal, () => this.results.keep(ctx, tool, whole));
    const begun = boundedText(whole, toolResultChars - NOTE_CHARS);
    const offset = [...begun].length - 1;
    return `${begun}\n[Cut off: ${text.length} characters in all. ${READ_TOOL_RESULT} reads on, with result_id "${id}" and offset ${offset}.]`;
  }
}

/** Only what a tool meant for the model: the rest may hold internals. */
function failureFor(error: unknown): ToolAnswer {
  const told = error instanceof ComponentError ? TOLD[error.reason] : undefined;
  if (!(error instanceof ComponentError) || told === undefined) throw error;
  return { ok: false, text: boundedText(error.cause instanceof ToolError ? error.cause.message : told, 4_000) };
}

const TOLD: Partial<Record<Reason, string>> = {
  AGENT_TOOL_FAILED: 'The tool failed.',
  TOOL_TIMEOUT: 'The tool took too long.',
};
