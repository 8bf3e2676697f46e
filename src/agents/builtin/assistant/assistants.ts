import { Injectable } from '@nestjs/common';
import { AppConfig, type AssistantSettings } from '../../../config';
import { FailureReporter } from '../../../errors';
import { AgentSource, type RegisteredAgent } from '../../agent-source';
import { ModelProvider } from '../../providers/model-provider.service';
import type { Price } from '../../providers/usage';
import { READ_TOOL_RESULT } from '../../tools/read-tool-result.tool';
import { ToolCalls } from '../../tools/tool-calls.service';
import { ToolRegistry } from '../../tools/tool-registry';
import { AssistantAgent, type Profile } from './assistant.agent';

const DESCRIPTION = 'Answers with a language model';

/** `assistant`, and the agents of ASSISTANTS; none of them without LLM_BASE_URL. */
@Injectable()
export class Assistants extends AgentSource {
  constructor(
    private readonly config: AppConfig,
    private readonly provider: ModelProvider,
    private readonly tools: ToolRegistry,
    private readonly calls: ToolCalls,
    private readonly reporter: FailureReporter,
  ) {
    super();
  }

  override agents(): RegisteredAgent[] {
    const { baseUrl, model, assistants } = this.config.llm;
    if (baseUrl === undefined || model === undefined) return [];
    const configured: Record<string, AssistantSettings> = { assistant: { tools: ['*'] }, ...assistants };
    const { provider, tools, calls, reporter } = this;
    return Object.entries(configured).map(([name, settings]) => ({
      name,
      description: settings.description ?? DESCRIPTION,
      continues: true,
      fallback: settings.fallback,
      maxAttempts: settings.max_attempts,
      concurrency: settings.concurrency,
      timeoutMs: settings.total_timeout_ms,
      firstOutputTimeoutMs: settings.first_output_timeout_ms,
      stallTimeoutMs: settings.stall_timeout_ms,
      toolTimeoutMs: settings.tool_timeout_ms,
      queueTimeoutMs: settings.queue_timeout_ms,
      runner: new AssistantAgent(this.profile(name, model, settings), { provider, tools, calls, reporter }),
    }));
  }

  private profile(name: string, model: string, settings: AssistantSettings): Profile {
    const { prompt, maxSteps, contextTokens } = this.config.llm;
    return {
      name,
      prompt: settings.prompt ?? prompt,
      model: settings.model ?? model,
      tools: settings.tools.length === 0 ? [] : [...settings.tools, READ_TOOL_RESULT],
      maxSteps: settings.max_steps ?? maxSteps,
      contextTokens,
      price: settings.price ?? this.defaultPrice(settings.model ?? model),
    };
  }

  private defaultPrice(model: string): Price | null {
    const { priceInput, priceOutput, model: priced } = this.config.llm;
    if (model !== priced || (priceInput === undefined && priceOutput === undefined)) return null;
    return { input: priceInput ?? 0, output: priceOutput ?? 0 };
  }
}
