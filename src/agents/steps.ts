import { setTimeout as delay } from 'node:timers/promises';
import { classify, ComponentError } from '../errors';
import type { StepOptions } from './agent';
import type { RunClocks } from './run-clocks';
import { type StepJournal, storable } from './step-journal';
import { untilAborted } from './until';

const RETRY_DELAY_MS = 200;

/** What steps need of their attempt. */
export interface StepServices {
  readonly journal: StepJournal;
  readonly clocks?: Pick<RunClocks, 'whileRunning'>;
  /** Longest time of one call, in milliseconds. */
  readonly toolTimeoutMs?: number;
  /** Whether a step may be repeated: takes from the budget of all retries. */
  readonly mayRepeat?: () => boolean;
}

interface Attempt extends StepServices {
  readonly signal: AbortSignal;
}

type Work<R> = (signal: AbortSignal) => R | Promise<R>;

/** Does a step that no attempt has done yet, else gives what it gave then. */
export async function doStep<R>(attempt: Attempt, key: string, work: Work<R>, options: StepOptions = {}): Promise<R> {
  const { journal, signal } = attempt;
  const { idempotent = false } = options;
  signal.throwIfAborted();
  const memo = journal.recall(key, idempotent);
  if (memo !== null) return memo.value as R;
  if (!idempotent) await journal.write({ key, state: 'started' });
  const [done] = await Promise.allSettled([tryOften(attempt, key, work, options)]);
  if (done.status === 'rejected') {
    // What was aborted or took too long may go on elsewhere: nobody knows how it ends.
    if (!idempotent && !signal.aborted && !isTimeout(done.reason)) await journal.write({ key, state: 'failed' });
    throw done.reason;
  }
  const { result, value } = storable(key, done.value);
  await journal.write({ key, state: 'completed', result });
  return value as R;
}

async function tryOften<R>(
  attempt: Attempt,
  key: string,
  work: Work<R>,
  { retry = 0, idempotent = false, timeoutMs }: StepOptions,
): Promise<R> {
  for (let left = retry; ; left -= 1) {
    const [done] = await Promise.allSettled([within(attempt, key, work, timeoutMs)]);
    if (done.status === 'fulfilled') return done.value;
    const { definition } = classify(done.reason, 'AgentSupervisor');
    const again = definition.retryable && (idempotent || !isTimeout(done.reason));
    if (left === 0 || !again || attempt.signal.aborted || attempt.mayRepeat?.() === false) throw done.reason;
    await delay(RETRY_DELAY_MS * 2 ** (retry - left) * (0.5 + Math.random()), undefined, { signal: attempt.signal });
  }
}

/** Runs a tool or a step under its own clock. @throws ComponentError TOOL_TIMEOUT, the signal's reason, or what it throws */
export async function within<R>(attempt: Attempt, tool: string, work: Work<R>, ownLimitMs?: number): Promise<R> {
  const { signal, clocks } = attempt;
  const timeout_ms = ownLimitMs ?? attempt.toolTimeoutMs;
  const limit = new AbortController();
  const expire = (): void =>
    limit.abort(ComponentError.agentSupervisor('TOOL_TIMEOUT', { details: { tool, timeout_ms } }));
  const timer = timeout_ms === undefined ? undefined : setTimeout(expire, timeout_ms);
  const either = AbortSignal.any([signal, limit.signal]);
  const run = (): Promise<R> => untilAborted(either, async () => work(either));
  try {
    return await (clocks ? clocks.whileRunning(run) : run());
  } finally {
    clearTimeout(timer);
  }
}

export function isTimeout(error: unknown): error is ComponentError {
  return error instanceof ComponentError && error.reason === 'TOOL_TIMEOUT';
}
