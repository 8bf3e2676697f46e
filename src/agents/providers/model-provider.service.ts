import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import type { Usage } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { type FinishReason, type ModelMessage, streamText, type TextStreamPart, type ToolSet } from 'ai';
import { AppConfig } from '../../config';
import { ComponentError } from '../../errors';
import { RunMetrics } from '../run-metrics';
import { ProviderCircuits } from '../provider-circuits.service';
import { boundedFetch } from './bounded-fetch';
import { ObservedCall } from './observed-call';
import { type CallFacts, providerFailure } from './provider-failure';
import { type Price, usageOf } from './usage';

/** Of the one model provider, in errors, logs and circuits. */
export const PROVIDER = 'llm';

export interface ModelCall {
  readonly model: string;
  /** The system prompt. */
  readonly instructions: string;
  readonly messages: ModelMessage[];
  /** Tools without `execute`: the caller runs them. */
  readonly tools: ToolSet;
  readonly price: Price | null;
  readonly signal: AbortSignal;
}

/** A tool that the model wants called. `problem`: why it cannot be, for the model; then `input` is what it wrote. */
export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly problem: string | null;
}

export type ModelPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thought'; readonly text: string }
  | { readonly type: 'tool_call'; readonly call: ModelToolCall }
  /** The last part. `usage` is null where the provider does not count. */
  | { readonly type: 'end'; readonly usage: Usage | null; readonly truncated: boolean };

type StreamPart = TextStreamPart<ToolSet>;

/** The model provider of LLM_BASE_URL: one call is one request, never repeated here. */
@Injectable()
export class ModelProvider {
  private readonly provider: OpenAICompatibleProvider | null;

  constructor(
    private readonly config: AppConfig,
    private readonly circuits: ProviderCircuits,
    private readonly metrics: RunMetrics,
  ) {
    const { baseUrl, apiKey, silenceMs, maxResponseBytes } = config.llm;
    this.provider =
      baseUrl === undefined
        ? null
        : createOpenAICompatible({
            name: PROVIDER,
            baseURL: baseUrl,
            ...(apiKey === undefined ? {} : { apiKey }),
            includeUsage: true,
            fetch: boundedFetch(PROVIDER, { silenceMs, maxBytes: maxResponseBytes }),
          });
  }

  /**
   * Asks the model once and gives its answer as it comes.
   * @throws ComponentError 1006 PROVIDER_*; the signal's reason when it is aborted
   */
  stream(call: ModelCall): AsyncGenerator<ModelPart, void, void> {
    return this.circuits.stream(PROVIDER, () => this.ask(call));
  }

  private async *ask(call: ModelCall): AsyncGenerator<ModelPart, void, void> {
    const observed = new ObservedCall(this.metrics, call.model, call.signal);
    try {
      yield* this.read(call, observed);
    } finally {
      observed.end();
    }
  }

  private async *read(call: ModelCall, observed: ObservedCall): AsyncGenerator<ModelPart, void, void> {
    const reading = new Reading(call.price);
    const facts = { provider: PROVIDER, model: call.model, secret: this.config.llm.apiKey };
    try {
      for await (const part of this.open(call, observed.headers)) {
        const parts = reading.take(part);
        if (reading.answering) observed.answering();
        yield* parts;
      }
    } catch (error) {
      call.signal.throwIfAborted();
      throw providerFailure(error, { ...facts, answering: reading.answering });
    }
    call.signal.throwIfAborted();
    const end = reading.end(facts);
    observed.completed(reading.usage);
    yield end;
  }

  private open(
    { model, instructions, messages, tools, signal }: ModelCall,
    headers: Record<string, string>,
  ): AsyncIterable<StreamPart> {
    if (this.provider === null) throw new Error('no LLM_BASE_URL');
    const { stream } = streamText({
      model: this.provider(model),
      instructions,
      messages,
      tools,
      maxOutputTokens: this.config.llm.maxOutputTokens,
      maxRetries: 0,
      abortSignal: signal,
      headers,
      // They come as parts of the stream; by default the library prints them.
      onError: () => undefined,
    });
    return stream;
  }
}

/** One answer being read. */
class Reading {
  /** Whether anything of an answer has come. */
  answering = false;
  private empty = true;
  private thought = '';
  private finish: FinishReason | null = null;
  /** Null until the provider has counted. */
  usage: Usage | null = null;

  constructor(private readonly price: Price | null) {}

  /** What the part means to the caller. @throws what the part says went wrong */
  take(part: StreamPart): ModelPart[] {
    switch (part.type) {
      case 'text-delta':
        this.answering = true;
        this.empty &&= part.text.trim() === '';
        return [{ type: 'text', text: part.text }];
      case 'reasoning-delta':
        this.answering = true;
        this.thought += part.text;
        return [];
      case 'reasoning-end':
        return [{ type: 'thought', text: this.takeThought() }];
      case 'tool-call':
        this.answering = true;
        this.empty = false;
        return [{ type: 'tool_call', call: toolCallOf(part) }];
      case 'finish-step':
        this.finish = part.finishReason;
        this.usage = this.usageOf(part.usage);
        return [];
      case 'error':
        throw part.error;
      default:
        return [];
    }
  }

  private takeThought(): string {
    const { thought } = this;
    this.thought = '';
    return thought;
  }

  /** @throws ComponentError for an answer that is none */
  end({ provider, model }: Pick<CallFacts, 'provider' | 'model'>): ModelPart {
    const details = { provider, model, finish_reason: this.finish };
    if (this.finish === 'content-filter') throw ComponentError.dependencies('PROVIDER_CONTENT_FILTERED', { details });
    if (this.empty) throw ComponentError.dependencies('PROVIDER_ANSWER_EMPTY', { details });
    return { type: 'end', usage: this.usage, truncated: this.finish === 'length' };
  }

  private usageOf({ inputTokens, outputTokens }: { inputTokens?: number; outputTokens?: number }): Usage | null {
    if (inputTokens === undefined && outputTokens === undefined) return null;
    return usageOf(inputTokens ?? 0, outputTokens ?? 0, this.price);
  }
}

function toolCallOf(part: Extract<StreamPart, { type: 'tool-call' }>): ModelToolCall {
  const invalid = 'invalid' in part && part.invalid === true;
  const problem = invalid ? 'There is no such tool, or its arguments are not a JSON object.' : null;
  return { id: part.toolCallId, name: part.toolName, input: part.input as unknown, problem };
}
