import type { Usage } from '@clarion/protocol';
import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';
import type { z } from 'zod';
import type { ComponentError } from '../errors';
import type { StepMark } from './run-steps.store';

/** A tool call began. `arguments` is bounded (4 KB as JSON) and well-formed text: it goes to the user and into jsonb. */
export interface ToolExecuting {
  type: 'tool_executing';
  tool_call_id: string;
  tool: string;
  arguments: Record<string, unknown>;
  /** Set by `ctx.tool`: stored with the event. */
  mark?: StepMark;
  path?: string;
}

/**
 * A tool call ended. Where `ok` is false, `error` is the very ComponentError that `ctx.tool` then throws: whoever reports
 * one has reported the other.
 */
export interface ToolCompleted {
  type: 'tool_completed';
  tool_call_id: string;
  tool: string;
  ok: boolean;
  summary: string;
  duration_ms: number;
  error?: ComponentError;
  /** Set by `ctx.tool`: stored with the event. */
  mark?: StepMark;
  path?: string;
}

/** What an agent may yield; a string is the next piece of the answer. `path` is set by `ctx.run`: the called agent that speaks. */
export type AgentOutput =
  | string
  | { type: 'thinking'; text: string; step?: number; path?: string }
  | { type: 'progress'; progress: number; message: string; path?: string }
  /** Tokens that were used, beyond those told before; their sum is `agent_completed.usage`. */
  | { type: 'usage'; usage: Usage }
  | ToolExecuting
  | ToolCompleted;

export type AgentStream = AsyncGenerator<AgentOutput, void, void>;

export interface HistoryMessage {
  role: 'user' | 'assistant';
  content: string;
}

/** What one attempt of a run is given. */
export interface AgentContext {
  readonly message: string;
  readonly run_id: string;
  readonly thread_id: string;
  readonly user_id: string;
  readonly attempt: number;
  /** Aborted by cancel, timeout, loss of the lease, shutdown. Pass it to everything that waits. */
  readonly signal: AbortSignal;
  /** The thread before this message, oldest first. */
  history(limit?: number): Promise<HistoryMessage[]>;
  thinking(text: string, step?: number): AgentOutput;
  /** `progress` is 0–1. */
  progress(progress: number, message: string): AgentOutput;
  /**
   * Runs a tool visibly, as a step; use with `yield*`. A failure throws `AGENT_TOOL_FAILED` (1008) with the tool's error as cause;
   * an abort throws the signal's reason. `summary` says the result in a line (at most 500 characters).
   */
  tool<A, R>(
    name: string,
    args: A,
    run: (signal: AbortSignal) => R | Promise<R>,
    options?: ToolOptions<R> | ToolOptions<R>['summary'],
  ): AsyncGenerator<AgentOutput, R, void>;
  /**
   * Does something once in the life of the run: later attempts get the stored result, which is JSON of at most 256 KB. `key` (1-200 characters)
   * names the step within the run. @throws what `run` throws; ComponentError STEP_OUTCOME_UNKNOWN, TOOL_TIMEOUT
   */
  step<R>(key: string, run: (signal: AbortSignal) => R | Promise<R>, options?: StepOptions): Promise<R>;
  /**
   * Writes a part of the answer as a step; use with `yield*`. Where the agent continues its answers, a part that was finished is kept and not
   * written again: later attempts get the stored value that `run` returned.
   */
  stream<R>(
    key: string,
    run: (signal: AbortSignal) => AsyncGenerator<AgentOutput, R, void>,
  ): AsyncGenerator<AgentOutput, R, void>;
  /**
   * Calls another agent, within this attempt; use with `yield*`, or in `all`. What it writes is its result, once in the life of the run;
   * what else it yields is shown with its `path`.
   * @throws ComponentError SUB_AGENT_UNKNOWN, SUB_AGENTS_TOO_DEEP, SUB_AGENTS_TOO_MANY at once; as `onFailure` says, what the agent throws
   */
  run(agent: string, message: string, options?: CallOptions): AgentCall;
  /**
   * Makes calls at the same time, at most `limit` (default 4); use with `yield*`. Results come in the order of the calls. When one throws, the
   * others are stopped.
   */
  all<const T extends readonly AgentCall[]>(
    calls: T,
    options?: { limit?: number },
  ): AsyncGenerator<AgentOutput, { -readonly [K in keyof T]: AgentResult }, void>;
  /**
   * Asks the user, and gives what they answered. The run waits without a worker meanwhile: the attempt ends here, and after the answer the agent is
   * run anew up to here. What it says until then is dropped; what it does is done once where it is a step. Not within a tool or a step.
   * @throws ComponentError INPUT_EXPIRED when nobody has answered in time; AGENT_OUTPUT_INVALID
   */
  ask<S extends z.ZodType = z.ZodString>(question: Question<S>): Promise<z.output<S>>;
}

/** A call of an agent: it begins when it is iterated, and `return` stops it. */
export type AgentCall = AsyncGenerator<AgentOutput, AgentResult, void>;

/** What a called agent came to. */
export interface AgentResult {
  /** The agent that has written `text`: the one that was called, or its fallback. */
  readonly agent: string;
  readonly text: string;
  /** Why the agent that was called failed, where `onFailure` lets the caller go on. */
  readonly failure: { readonly reason: string; readonly support_code: string } | null;
}

export interface CallOptions {
  /**
   * When the agent fails: `fail` (default) throws its error to the caller; `continue` gives an empty text; `{ text }` gives that text instead,
   * `{ agent }` what that agent writes, or throws what it throws.
   */
  onFailure?: 'fail' | 'continue' | { readonly agent: string } | { readonly text: string };
  /** Longest time of the agent in milliseconds; default: its own `timeoutMs`. The clocks of the run go on in any case. */
  timeoutMs?: number;
}

/** A question to the user. */
export interface Question<S extends z.ZodType = z.ZodType> {
  /** At most 4,096 characters. */
  prompt: string;
  /** What is asked for, as far as JSON Schema can say it; default: text. */
  schema?: S;
  /** How long it is open, in milliseconds; default: `RUN_INPUT_TIMEOUT_MS`. */
  expires_in?: number;
  /** Names the question within the run; default: its words, and how often it was asked in them. */
  id?: string;
}

/** How a step is done. */
export interface StepOptions {
  /** It may be done again where nobody knows whether it was done: reading, or what the other side recognises. Default false. */
  idempotent?: boolean;
  /** Longest time in milliseconds; default: the agent's `toolTimeoutMs`. */
  timeoutMs?: number;
  /** Further tries within the attempt, for failures that are retryable; default 0. */
  retry?: number;
}

export interface ToolOptions<R> extends Omit<StepOptions, 'retry'> {
  /** Names of arguments, at any depth, whose values the user does not see. */
  redact?: readonly string[];
  /** Says the result in a line of at most 500 characters. */
  summary?: (result: R) => string;
  /** Names the call within the run; default: its name, its arguments, and how often it was called with them. */
  id?: string;
}

export interface AgentRunner {
  run(ctx: AgentContext): AgentStream;
}

export interface AgentOptions {
  /** 1–64 of `A-Za-z0-9_-`, unique; clients choose by it. */
  name: string;
  description: string;
  /** Total time of one attempt in milliseconds; default: `RUN_TOTAL_TIMEOUT_MS`. This and all other limits. */
  timeoutMs?: number;
  /** Time until the first output, text or any event; default: `RUN_FIRST_OUTPUT_TIMEOUT_MS`. */
  firstOutputTimeoutMs?: number;
  /** Time between two outputs; default: `RUN_STALL_TIMEOUT_MS`. */
  stallTimeoutMs?: number;
  /** Time of one tool call or step; default: `TOOL_TIMEOUT_MS`. */
  toolTimeoutMs?: number;
  /** Time that a run waits for a worker when it may run; default: `RUN_QUEUE_TIMEOUT_MS`. */
  queueTimeoutMs?: number;
  /** Runs of this agent that may be under way at the same time, over all processes; default: `AGENT_CONCURRENCY`. Others wait, users in turn. */
  concurrency?: number;
  /** How many attempts at most, takeovers included; default: `RUN_MAX_ATTEMPTS`. */
  maxAttempts?: number;
  /**
   * Answers are continued by a later attempt: what was written up to the last completed step is kept, and what the agent says before it has
   * asked for that step again is dropped. Such an agent asks for the same steps on every attempt. Default false: answers begin anew.
   */
  continues?: boolean;
  /** The agent that answers when this one has failed for good; default: `FALLBACK_AGENT`. */
  fallback?: string;
}

export const AGENT_METADATA = 'clarion:agent';

/** Makes a class an agent: add it to the providers of any module, and the registry finds it at start. */
export function Agent(options: AgentOptions): ClassDecorator {
  return applyDecorators(Injectable(), SetMetadata(AGENT_METADATA, options));
}
