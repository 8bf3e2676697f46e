import { createHash } from 'node:crypto';
import { ComponentError } from '../errors';
import type { StepMark, StoredStep } from './run-steps.store';

/** Longest result of a step, in UTF-16 units of its JSON. */
const MAX_RESULT = 262_144;

/** A key that `keyOf` has made: the call, and for which time. */
const COUNTED = /^(.*:[\w-]{16}):(\d+)$/s;

/** The value that a completed step gave. */
interface Memo {
  readonly value: unknown;
}

/** Stores a mark durably, under the lease of the attempt. */
type WriteMark = (mark: StepMark) => Promise<void>;

/** The steps of one attempt: which earlier attempts have done, and what becomes of those of this one. */
export class StepJournal {
  private readonly known: Map<string, Omit<StoredStep, 'attempt'>>;
  /** Completed steps that this attempt has not asked for yet. */
  private readonly ahead: Set<string>;
  /** Steps that earlier attempts have completed, in the order in which they did. */
  private readonly completed: readonly string[];
  private readonly counts = new Map<string, number>();

  /** @param stored in the order of their completion */
  constructor(
    stored: readonly StoredStep[],
    private readonly writeMark: WriteMark,
    /** Where an attempt goes on that a question has interrupted: what of it is to be asked for again. */
    interruptedAt: readonly string[] = [],
  ) {
    this.known = new Map(stored.map((step) => [step.key, step]));
    this.completed = stored.filter(({ state }) => state === 'completed').map(({ key }) => key);
    this.ahead = new Set(interruptedAt.length > 0 ? interruptedAt : this.completed);
  }

  /** The attempt has not come yet to where the last one was: there are completed steps that it has not asked for. */
  get behind(): boolean {
    return this.ahead.size > 0;
  }

  /** The key of a call or a question that names none: the same one, for the same time. `what` it is: a tool, an agent, a question. */
  keyOf(what: string, args: unknown): string {
    const digest = createHash('sha256')
      .update(JSON.stringify(args) ?? '')
      .digest('base64url')
      .slice(0, 16);
    const call = `${what}:${digest}`;
    const count = (this.counts.get(call) ?? 0) + 1;
    this.counts.set(call, count);
    return `${call}:${count}`;
  }

  /**
   * What the step gave in an earlier attempt, or null where it is to be done.
   * @throws ComponentError STEP_OUTCOME_UNKNOWN when it was begun, is not idempotent, and nobody knows how far it came
   */
  recall(key: string, idempotent: boolean): Memo | null {
    const step = this.known.get(key);
    this.ahead.delete(key);
    if (step?.state === 'completed') return { value: parsed(step.result) };
    if (step === undefined || idempotent) return null;
    throw ComponentError.agentSupervisor('STEP_OUTCOME_UNKNOWN', { details: { step: key } });
  }

  /**
   * The same for a part of the text, in which the agent may have done other steps: those of its `scope` that were completed before it, and that
   * nobody has asked for until now, are not asked for any more.
   */
  recallPart(key: string, scope: string): Memo | null {
    const memo = this.recall(key, true);
    if (memo === null) return null;
    const before = this.completed.slice(0, Math.max(0, this.completed.indexOf(key)));
    for (const inner of before) if (inner.startsWith(scope)) this.skip(inner);
    return memo;
  }

  /** A call of an agent is over: the steps within it, whose keys begin with `key/`, are not asked for any more. */
  pass(key: string): void {
    for (const inner of this.ahead) if (inner.startsWith(`${key}/`)) this.ahead.delete(inner);
  }

  write(mark: StepMark): Promise<void> {
    this.note(mark);
    return this.writeMark(mark);
  }

  /** Remembers what is stored elsewhere. */
  note(mark: StepMark): void {
    if (mark.state === 'failed') this.known.delete(mark.key);
    else this.known.set(mark.key, { key: mark.key, state: mark.state, result: 'result' in mark ? mark.result : null });
  }

  private skip(key: string): void {
    this.ahead.delete(key);
    // The next call like it is the next one again.
    const [, call = key, time = 0] = COUNTED.exec(key) ?? [];
    this.counts.set(call, Math.max(this.counts.get(call) ?? 0, Number(time)));
  }
}

/** A result as it is stored, and as every attempt gets it. @throws ComponentError AGENT_OUTPUT_INVALID when it is too long */
export function storable(key: string, value: unknown): { result: string | null; value: unknown } {
  const result = JSON.stringify(value) ?? null;
  if (result !== null && result.length > MAX_RESULT) {
    throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', { details: { step: key, limit: MAX_RESULT } });
  }
  return { result, value: parsed(result) };
}

function parsed(result: string | null): unknown {
  return result === null ? undefined : (JSON.parse(result) as unknown);
}
