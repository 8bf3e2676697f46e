import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { ComponentError } from '../errors';
import { inSpan } from '../telemetry';
import type { AgentContext, AgentOutput, Question, ToolCompleted, ToolOptions } from './agent';
import { AgentCalls, type Place } from './agent-calls';
import { inParallel } from './in-parallel';
import { ask, type QuestionServices } from './questions';
import { boundedObject, boundedText } from './safe-text';
import { StepJournal, storable } from './step-journal';
import { doStep, isTimeout, type StepServices, within } from './steps';
import type { SubAgents } from './sub-agents';
import { shownArguments } from './tools/redact';

const MAX_ARGUMENTS = 4096;
const MAX_SUMMARY = 500;
const MAX_THINKING = 4096;
const MAX_KEY = 200;

/** What the engine knows of an attempt; the helpers are added by `createAgentContext`. */
export type AgentContextSource = Pick<
  AgentContext,
  'message' | 'run_id' | 'thread_id' | 'user_id' | 'attempt' | 'signal' | 'history'
>;

/** What an attempt under way adds; without it, as in tests of agents, no limit applies and nothing is remembered. */
export interface AttemptServices extends Omit<StepServices, 'clocks'>, Omit<QuestionServices, 'clocks'> {
  readonly clocks?: StepServices['clocks'] & QuestionServices['clocks'];
  /** Parts of the answer that are finished are not written again. */
  readonly continues?: boolean;
  /** The agents that may be called. */
  readonly subAgents?: SubAgents;
  /** Where an agent stands that was called by another one. */
  readonly place?: Place;
}

export function createAgentContext(source: AgentContextSource, services: Partial<AttemptServices> = {}): AgentContext {
  const { signal } = source;
  const attempt = { journal: new StepJournal([], () => Promise.resolve()), ...services, signal };
  const calls = new AgentCalls({
    ...attempt,
    contextFor: (place, { message, signal: calling, toolTimeoutMs }) =>
      createAgentContext({ ...source, message, signal: calling }, { ...attempt, place, toolTimeoutMs }),
  });
  const writing = attempt.place === undefined ? writePart : keepPart;
  return {
    ...source,
    thinking: (text, step) => ({ type: 'thinking', text: boundedText(text, MAX_THINKING), step }),
    progress: (progress, message) => ({
      type: 'progress',
      progress: Math.min(1, Math.max(0, Number.isNaN(progress) ? 0 : progress)),
      message: boundedText(message, MAX_SUMMARY),
    }),
    tool: (name, args, run, options) =>
      callTool(attempt, { name, args, run, options: typeof options === 'function' ? { summary: options } : options }),
    step: (key, run, options) => doStep(attempt, keyIn(attempt, 'step', key), run, options),
    stream: (key, run) => writing(attempt, keyIn(attempt, 'stream', key), run),
    run: (agent, message, options) => calls.run(agent, message, options),
    // As many results as calls, which an array cannot say.
    all: (all, options) => inParallel(all, options?.limit) as AsyncGenerator<AgentOutput, never, void>,
    ask: (question) => askUser(attempt, question),
  };
}

type Attempt = AttemptServices & { readonly signal: AbortSignal };

/** The key of a step in the run, by its name in the agent. */
function keyIn({ place }: Attempt, kind: 'step' | 'stream' | 'tool' | 'ask', name: string): string {
  if (name.length === 0 || name.length > MAX_KEY) throw new RangeError(`a step's key has 1 to ${MAX_KEY} characters`);
  return `${place?.scope ?? ''}${kind}:${name}`;
}

interface ToolCall<R> {
  name: string;
  args: unknown;
  run: (signal: AbortSignal) => R | Promise<R>;
  options?: ToolOptions<R>;
}

async function* callTool<R>(attempt: Attempt, call: ToolCall<R>): AsyncGenerator<AgentOutput, R, void> {
  const { signal, journal } = attempt;
  const { name, run, options = {} } = call;
  signal.throwIfAborted();
  const named = keyIn(attempt, 'tool', options.id ?? name);
  const key = options.id === undefined ? journal.keyOf(named, call.args) : named;
  const memo = journal.recall(key, options.idempotent ?? false);
  if (memo !== null) return memo.value as R;
  const tool = { tool_call_id: uuidv7(), tool: name };
  const started = performance.now();
  const completed = (outcome: Pick<ToolCompleted, 'ok' | 'summary' | 'error' | 'mark'>): ToolCompleted => ({
    type: 'tool_completed',
    ...tool,
    ...outcome,
    summary: boundedText(outcome.summary, MAX_SUMMARY),
    duration_ms: Math.round(performance.now() - started),
  });
  const args = boundedObject(shownArguments(call.args, { arguments: options.redact }), MAX_ARGUMENTS);
  yield { type: 'tool_executing', ...tool, arguments: args, mark: { key, state: 'started' } };
  let outcome: { result: string | null; value: unknown };
  let summary: string;
  try {
    const result = await inToolSpan(tool, () => within(attempt, name, run, options.timeoutMs));
    outcome = storable(key, result);
    summary = options.summary?.(result) ?? '';
  } catch (cause) {
    // An interrupted tool has not failed: the engine knows why it aborted and says so.
    signal.throwIfAborted();
    const timeout = isTimeout(cause);
    const error = timeout
      ? cause
      : ComponentError.agentSupervisor('AGENT_TOOL_FAILED', { cause, details: { tool: name } });
    // What took too long may go on elsewhere: nobody knows how it ends.
    const mark = timeout ? undefined : ({ key, state: 'failed' } as const);
    yield completed({ ok: false, summary: `${name} failed`, error, mark });
    throw error;
  }
  yield completed({ ok: true, summary, mark: { key, state: 'completed', result: outcome.result } });
  return outcome.value as R;
}

function inToolSpan<R>(
  { tool, tool_call_id }: { tool: string; tool_call_id: string },
  work: () => Promise<R>,
): Promise<R> {
  const call = { 'gen_ai.tool.name': tool, 'gen_ai.tool.call.id': tool_call_id };
  return inSpan(`execute_tool ${tool}`, { attributes: { 'gen_ai.operation.name': 'execute_tool', ...call } }, work);
}

async function askUser<S extends z.ZodType>(attempt: Attempt, question: Question<S>): Promise<z.output<S>> {
  attempt.signal.throwIfAborted();
  const { place } = attempt;
  const named = question.id === undefined ? `${place?.scope ?? ''}ask` : keyIn(attempt, 'ask', question.id);
  return (await ask(attempt, question, { named, path: place?.path ?? null })) as z.output<S>;
}

async function* writePart<R>(
  { signal, journal, continues = false }: Attempt,
  key: string,
  run: (signal: AbortSignal) => AsyncGenerator<AgentOutput, R, void>,
): AsyncGenerator<AgentOutput, R, void> {
  signal.throwIfAborted();
  const memo = continues ? journal.recallPart(key, '') : null;
  if (memo !== null) return memo.value as R;
  const { result, value } = storable(key, yield* run(signal));
  if (continues) await journal.write({ key, state: 'completed', result });
  return value as R;
}

/** A part of what a called agent writes. Nothing of its text is kept but with its steps, so the text is part of the step. */
async function* keepPart<R>(
  { signal, journal, place }: Attempt,
  key: string,
  run: (signal: AbortSignal) => AsyncGenerator<AgentOutput, R, void>,
): AsyncGenerator<AgentOutput, R, void> {
  signal.throwIfAborted();
  const memo = journal.recallPart(key, place?.scope ?? '');
  if (memo !== null) {
    const { text, value } = memo.value as { text: string; value: R };
    yield text;
    return value;
  }
  let text = '';
  const value = yield* heard(run(signal), (piece) => (text += piece));
  const { result, value: part } = storable(key, { text, value });
  await journal.write({ key, state: 'completed', result });
  return (part as { value: R }).value;
}

/** What `stream` yields and returns; `listen` is told of its text. */
async function* heard<R>(
  stream: AsyncGenerator<AgentOutput, R, void>,
  listen: (text: string) => void,
): AsyncGenerator<AgentOutput, R, void> {
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done === true) return next.value;
      if (typeof next.value === 'string') listen(next.value);
      yield next.value;
    }
  } finally {
    await stream.return(undefined as R);
  }
}
