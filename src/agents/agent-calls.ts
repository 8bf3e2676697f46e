import { classify, ComponentError } from '../errors';
import { RunStop } from './active-runs';
import type { AgentCall, AgentContext, AgentOutput, AgentResult, CallOptions } from './agent';
import { safeText } from './safe-text';
import { type StepJournal, storable } from './step-journal';
import type { SubAgent, SubAgents } from './sub-agents';
import { untilAborted } from './until';

/** Longest text of a called agent, in UTF-16 units: it is the result of a step. */
const MAX_TEXT = 200_000;

/** Where in its run a called agent stands. */
export interface Place {
  /** `researcher`, `researcher#2`, `researcher/critic`. */
  readonly path: string;
  /** What the keys of its steps begin with. */
  readonly scope: string;
}

/** The agent that calls. */
export interface Caller {
  readonly signal: AbortSignal;
  readonly journal: StepJournal;
  readonly subAgents?: SubAgents;
  readonly place?: Place;
  contextFor(place: Place, call: { message: string; signal: AbortSignal; toolTimeoutMs: number }): AgentContext;
}

interface Call {
  readonly subAgents: SubAgents;
  readonly agent: SubAgent;
  readonly fallback: SubAgent | null;
  readonly key: string;
  readonly path: string;
  readonly message: string;
  readonly options: CallOptions;
  /** Aborted with the caller, and when the caller stops the call. */
  readonly signal: AbortSignal;
}

/** The calls that one agent makes: each is a step, within which the called agent has steps of its own. */
export class AgentCalls {
  private readonly counts = new Map<string, number>();

  constructor(private readonly caller: Caller) {}

  /** Decides at once what tells calls apart: by the order in which they are made, not by that in which they begin. */
  run(name: string, message: string, options: CallOptions = {}): AgentCall {
    const { journal, place, signal, subAgents } = this.caller;
    if (subAgents === undefined)
      throw ComponentError.agentSupervisor('SUB_AGENT_UNKNOWN', { details: { agent: name } });
    const { onFailure } = options;
    const path = this.pathOf(name);
    const agent = subAgents.take(name, path);
    const fallback =
      typeof onFailure === 'object' && 'agent' in onFailure ? subAgents.take(onFailure.agent, path) : null;
    const key = journal.keyOf(`${place?.scope ?? ''}run:${name}`, message);
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const call = this.perform({ subAgents, agent, fallback, key, path, message, options, signal: either });
    const end = call.return.bind(call);
    // A generator that waits would end only when it has what it waits for.
    return Object.assign(call, {
      return: (value: AgentResult) => {
        stop.abort();
        return end(value);
      },
    });
  }

  private pathOf(name: string): string {
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    const own = count === 1 ? name : `${name}#${count}`;
    return this.caller.place ? `${this.caller.place.path}/${own}` : own;
  }

  private async *perform(call: Call): AgentCall {
    const { journal } = this.caller;
    const { key, signal } = call;
    signal.throwIfAborted();
    const memo = journal.recall(key, true);
    const result = memo === null ? yield* this.settleOnce(call) : (memo.value as AgentResult);
    journal.pass(key);
    return result;
  }

  private async *settleOnce(call: Call): AgentCall {
    const { key } = call;
    const result = yield* this.settle(call);
    await this.caller.journal.write({ key, state: 'completed', result: storable(key, result).result });
    return result;
  }

  private async *settle(call: Call): AgentCall {
    const { subAgents, agent, fallback, key, path, signal, options } = call;
    const { onFailure = 'fail' } = options;
    try {
      return { agent: agent.name, text: yield* this.speak(call), failure: null };
    } catch (error) {
      signal.throwIfAborted();
      if (onFailure === 'fail' || error instanceof RunStop) throw error;
      // Needs the lease: a worker that comes back from the dead blames nobody.
      await this.caller.journal.write({ key, state: 'failed' });
      const { reason } = classify(error, 'AgentSupervisor');
      const { error: told } = await subAgents.failed(agent.name, path, error);
      const failure = { reason, support_code: told.support_code };
      if (fallback === null) return { agent: agent.name, text: textOf(onFailure), failure };
      const next = { ...call, agent: fallback, key: `${key}/fallback`, path: this.pathOf(fallback.name) };
      return { agent: fallback.name, text: yield* this.speak(next), failure };
    }
  }

  /** Drives the agent to its end. Its text is gathered; what else it yields is shown under its path. */
  private async *speak(call: Call): AsyncGenerator<AgentOutput, string, void> {
    const { agent, path, key, message, options } = call;
    const limit = new AbortController();
    const signal = AbortSignal.any([call.signal, limit.signal]);
    const place = { path, scope: `${key}/` };
    const stream = agent.runner.run(this.caller.contextFor(place, { message, signal, toolTimeoutMs: agent.toolMs }));
    const timeout_ms = options.timeoutMs ?? agent.timeoutMs;
    const details = { agent: agent.name, clock: 'total', timeout_ms };
    const expire = (): void => limit.abort(ComponentError.agentSupervisor('AGENT_TIMEOUT', { details }));
    const timer = timeout_ms === undefined ? undefined : setTimeout(expire, timeout_ms);
    let text = '';
    let finished = false;
    try {
      for (;;) {
        const next = await untilAborted(signal, () => stream.next());
        finished = next.done === true;
        if (next.done) return safeText(text);
        if (typeof next.value === 'string') text = joined(agent, text, next.value);
        yield shown(next.value, path);
      }
    } finally {
      clearTimeout(timer);
      if (!finished) call.subAgents.abandon(stream);
    }
  }
}

function textOf(onFailure: CallOptions['onFailure']): string {
  return typeof onFailure === 'object' && 'text' in onFailure ? onFailure.text : '';
}

function joined({ name }: SubAgent, text: string, piece: string): string {
  if (text.length + piece.length <= MAX_TEXT) return text + piece;
  throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', { details: { agent: name, limit: MAX_TEXT } });
}

/** No text for the reader, but a sign of life: the run's clock for the next output begins anew. */
function shown(output: AgentOutput, path: string): AgentOutput {
  if (typeof output === 'string') return '';
  return output.type === 'usage' ? output : { ...output, path: output.path ?? path };
}
