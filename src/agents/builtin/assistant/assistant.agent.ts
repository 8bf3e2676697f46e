import { jsonSchema, tool, type ToolSet } from 'ai';
import { ComponentError, type FailureReporter } from '../../../errors';
import type { AgentContext, AgentOutput, AgentRunner, AgentStream } from '../../agent';
import { type ModelProvider, type ModelToolCall, PROVIDER } from '../../providers/model-provider.service';
import type { Price } from '../../providers/usage';
import type { RegisteredTool } from '../../tools/tool';
import type { ToolAnswer, ToolCalls } from '../../tools/tool-calls.service';
import type { ToolRegistry } from '../../tools/tool-registry';
import { Conversation, estimateTokens } from './conversation';

const HISTORY = 200;

/** What makes one assistant differ from another. */
export interface Profile {
  readonly name: string;
  readonly prompt: string;
  readonly model: string;
  /** Allow-list of tools. */
  readonly tools: readonly string[];
  readonly maxSteps: number;
  readonly contextTokens: number;
  readonly price: Price | null;
}

/** What all assistants share. */
export interface Workshop {
  readonly provider: ModelProvider;
  readonly tools: ToolRegistry;
  readonly calls: ToolCalls;
  readonly reporter: FailureReporter;
}

/** What one step of the model came to. */
interface Step {
  readonly text: string;
  readonly calls: readonly ModelToolCall[];
}

/**
 * Answers with a model, which may call tools: each step asks it once, and the last one has to answer without them. Steps of the model and calls of
 * tools are steps of the run: a later attempt goes on after those that were completed.
 */
export class AssistantAgent implements AgentRunner {
  constructor(
    private readonly profile: Profile,
    private readonly workshop: Workshop,
  ) {}

  async *run(ctx: AgentContext): AgentStream {
    const { tools: allowed, maxSteps, contextTokens } = this.profile;
    const conversation = new Conversation(await ctx.history(HISTORY), ctx.message, contextTokens);
    let written = false;
    for (let number = 1; ; number += 1) {
      const tools = number < maxSteps ? this.workshop.tools.allowed(allowed) : [];
      const step: Step = yield* ctx.stream(`model-${number}`, () => this.ask(ctx, conversation, tools, written));
      if (step.calls.length === 0) return;
      if (number >= maxSteps) return this.expectText(step.text);
      written ||= step.text !== '';
      const answers: { call: ModelToolCall; answer: ToolAnswer }[] = [];
      for (const [index, call] of step.calls.entries()) {
        answers.push({ call, answer: yield* this.use(ctx, call, tools, `${number}-${index + 1}`) });
      }
      conversation.add(step.text, answers);
    }
  }

  /** Calls of tools that were not offered are no answer. */
  private expectText(text: string): void {
    if (text.trim() !== '') return;
    const details = { provider: PROVIDER, model: this.profile.model };
    throw ComponentError.dependencies('PROVIDER_ANSWER_EMPTY', { details });
  }

  /** @param apart whether this step's text needs a paragraph of its own */
  private async *ask(
    ctx: AgentContext,
    conversation: Conversation,
    offered: readonly RegisteredTool[],
    apart: boolean,
  ): AsyncGenerator<AgentOutput, Step, void> {
    const { model, prompt: instructions, price } = this.profile;
    const { signal } = ctx;
    const tools = toolSet(offered);
    const messages = conversation.messages(estimateTokens(instructions + JSON.stringify(tools)));
    const calls: ModelToolCall[] = [];
    let text = '';
    for await (const part of this.workshop.provider.stream({ model, instructions, messages, tools, price, signal })) {
      switch (part.type) {
        case 'text':
          yield apart && text === '' ? `\n\n${part.text}` : part.text;
          text += part.text;
          break;
        case 'thought':
          yield ctx.thinking(part.text);
          break;
        case 'tool_call':
          calls.push(part.call);
          break;
        case 'end':
          if (part.usage !== null) yield { type: 'usage', usage: part.usage };
          if (part.truncated) await this.notifyOfTruncation(ctx);
      }
    }
    return { text, calls };
  }

  private async notifyOfTruncation({ run_id, thread_id, user_id }: AgentContext): Promise<void> {
    const details = { provider: PROVIDER, model: this.profile.model };
    const error = ComponentError.dependencies('PROVIDER_ANSWER_TRUNCATED', { details });
    await this.workshop.reporter.report(error, { operation: 'run.execute', run_id, thread_id, user_id, notify: true });
  }

  /** @param id names the call within the run */
  private async *use(
    ctx: AgentContext,
    call: ModelToolCall,
    offered: readonly RegisteredTool[],
    id: string,
  ): AsyncGenerator<AgentOutput, ToolAnswer, void> {
    const found = offered.find(({ name }) => name === call.name);
    if (found !== undefined && call.problem === null) {
      return yield* this.workshop.calls.call(ctx, found, { id, input: call.input });
    }
    yield ctx.thinking(`The model's call of ${call.name} cannot be made, and it is told.`);
    return { ok: false, text: call.problem ?? 'There is no such tool.' };
  }
}

function toolSet(offered: readonly RegisteredTool[]): ToolSet {
  const tools: ToolSet = {};
  for (const { name, description, inputSchema } of offered) {
    tools[name] = tool({ description, inputSchema: jsonSchema(inputSchema) });
  }
  return tools;
}
