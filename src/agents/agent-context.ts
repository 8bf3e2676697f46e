import { v7 as uuidv7 } from 'uuid';
import { ComponentError } from '../errors';
import type { AgentContext, AgentOutput, ToolCompleted } from './agent';
import { boundedObject, boundedText } from './safe-text';
import type { RunClocks } from './run-clocks';
import { untilAborted } from './until';

const MAX_ARGUMENTS = 4096;
const MAX_SUMMARY = 500;
const MAX_THINKING = 4096;

/** What the engine knows of an attempt; the helpers are added by `createAgentContext`. */
export type AgentContextSource = Pick<
  AgentContext,
  'message' | 'run_id' | 'thread_id' | 'user_id' | 'attempt' | 'signal' | 'history'
>;

/** What an attempt under way adds; without it, as in tests of agents, no limit applies. */
export interface AttemptServices {
  readonly clocks?: Pick<RunClocks, 'whileRunning'>;
  /** Longest time of one tool call, in milliseconds. */
  readonly toolTimeoutMs?: number;
}

export function createAgentContext(source: AgentContextSource, services: AttemptServices = {}): AgentContext {
  return {
    ...source,
    thinking: (text, step) => ({ type: 'thinking', text: boundedText(text, MAX_THINKING), step }),
    progress: (progress, message) => ({
      type: 'progress',
      progress: Math.min(1, Math.max(0, Number.isNaN(progress) ? 0 : progress)),
      message: boundedText(message, MAX_SUMMARY),
    }),
    tool: (name, args, run, summary) => callTool({ signal: source.signal, name, args, run, summary, services }),
  };
}

interface ToolCall<R> {
  signal: AbortSignal;
  name: string;
  args: unknown;
  run: (signal: AbortSignal) => R | Promise<R>;
  summary?: (result: R) => string;
  services: AttemptServices;
}

async function* callTool<R>(call: ToolCall<R>): AsyncGenerator<AgentOutput, R, void> {
  call.signal.throwIfAborted();
  const tool_call_id = uuidv7();
  const started = performance.now();
  const completed = (outcome: Pick<ToolCompleted, 'ok' | 'summary' | 'error'>): ToolCompleted => ({
    type: 'tool_completed',
    tool_call_id,
    tool: call.name,
    ...outcome,
    summary: boundedText(outcome.summary, MAX_SUMMARY),
    duration_ms: Math.round(performance.now() - started),
  });
  yield { type: 'tool_executing', tool_call_id, tool: call.name, arguments: boundedObject(call.args, MAX_ARGUMENTS) };
  let result: R;
  let summary: string;
  try {
    result = await within(call);
    summary = call.summary?.(result) ?? '';
  } catch (cause) {
    // An interrupted tool has not failed: the engine knows why it aborted and says so.
    call.signal.throwIfAborted();
    const error = isTimeout(cause)
      ? cause
      : ComponentError.agentSupervisor('AGENT_TOOL_FAILED', { cause, details: { tool: call.name } });
    yield completed({ ok: false, summary: `${call.name} failed`, error });
    throw error;
  }
  yield completed({ ok: true, summary });
  return result;
}

/** Runs a tool under its own clock. @throws ComponentError TOOL_TIMEOUT, the signal's reason, or what the tool throws */
async function within<R>({ name, signal, run, services }: ToolCall<R>): Promise<R> {
  const { clocks, toolTimeoutMs } = services;
  const limit = new AbortController();
  const details = { tool: name, timeout_ms: toolTimeoutMs };
  const timer =
    toolTimeoutMs === undefined
      ? undefined
      : setTimeout(() => limit.abort(ComponentError.agentSupervisor('TOOL_TIMEOUT', { details })), toolTimeoutMs);
  const either = AbortSignal.any([signal, limit.signal]);
  const work = (): Promise<R> => untilAborted(either, async () => run(either));
  try {
    return await (clocks ? clocks.whileRunning(work) : work());
  } finally {
    clearTimeout(timer);
  }
}

function isTimeout(error: unknown): error is ComponentError {
  return error instanceof ComponentError && error.reason === 'TOOL_TIMEOUT';
}
