import {
  AnswerAssembler,
  type AgentDelta,
  type AnswerState,
  type DurableEvent,
  type PendingInput,
  type RunView,
} from '@clarion/protocol';
import type { LiveRun } from './live-run';
import type { RunOutcome } from './options';
import { outcomeOfEvent, outcomeOfView } from './run-outcome';

/** Ended runs that are remembered: their end may come before the acknowledgement of their message. */
const MOST_ENDED = 100;
/** Deltas of one run that are held while something before them is missing; what is beyond, `run_get` has too. */
const MOST_HELD = 2_000;

/** The answers of all runs that the server tells of, and those who watch them. */
export class Runs {
  private readonly answers = new AnswerAssembler();
  private readonly watchers = new Map<string, Set<LiveRun>>();
  private readonly outcomes = new Map<string, RunOutcome>();
  private readonly held = new Map<string, AgentDelta[]>();
  private readonly questions = new Map<string, PendingInput>();

  /** @param doubt called when the text of a run has a gap: `correct` it by what `run_get` says */
  constructor(private readonly doubt: (runId: string) => void) {}

  /** Runs that are watched and have not ended. */
  get open(): string[] {
    return [...this.watchers.keys()];
  }

  /** Tells `live` of the run from now on, beginning with what is known already. */
  watch(runId: string, live: LiveRun): void {
    const known = this.answers.get(runId);
    if (known) live.update(known.answer);
    live.asked(runId, this.questions.get(runId) ?? null);
    const outcome = this.outcomes.get(runId);
    if (outcome) return live.end(outcome);
    const set = this.watchers.get(runId) ?? new Set();
    this.watchers.set(runId, set.add(live));
  }

  /** Takes every event of the server, in order. */
  accept(name: string, payload: unknown): void {
    this.acceptQuestion(name, payload);
    const state = this.answers.accept(name, payload);
    if (state === undefined) return;
    const runId = state.run_id;
    if (state.missed) this.miss(runId, name === 'agent_delta' ? (payload as AgentDelta) : null);
    else if (this.held.has(runId)) this.release(runId);
    this.publish(runId);
    const outcome =
      name === 'run_snapshot' ? outcomeOfView(payload as RunView) : outcomeOfEvent(payload as DurableEvent);
    if (outcome && name !== 'agent_delta') this.end(outcome);
  }

  private acceptQuestion(name: string, payload: unknown): void {
    if (name === 'run_snapshot') return this.ask((payload as RunView).run_id, (payload as RunView).pending_input);
    if (name !== 'input_required' && name !== 'input_resolved') return;
    const { run_id, data } = payload as DurableEvent<'input_required'>;
    if (run_id !== null) this.ask(run_id, name === 'input_required' ? data : null);
  }

  private ask(runId: string, pending: PendingInput | null): void {
    if (pending) this.questions.set(runId, pending);
    else this.questions.delete(runId);
    for (const live of this.watchers.get(runId) ?? []) live.asked(runId, pending);
  }

  /** Takes what `run_get` says. @returns whether the answer has no gap any more */
  correct(run: RunView): boolean {
    this.accept('run_snapshot', run);
    const state = this.answers.get(run.run_id);
    const gapless = state === undefined || !state.missed || this.coversHeld(state, run);
    if (gapless) this.held.delete(run.run_id);
    return gapless;
  }

  /** The run does not exist any more. */
  reject(runId: string, error: Error): void {
    for (const live of this.watchers.get(runId) ?? []) live.reject(error);
    this.watchers.delete(runId);
    this.forget(runId);
  }

  /** Nobody will hear of any run any more. */
  failAll(error: Error): void {
    for (const runId of this.open) this.reject(runId, error);
  }

  private miss(runId: string, delta: AgentDelta | null): void {
    const held = this.held.get(runId) ?? [];
    this.held.set(runId, held);
    if (delta && held.length < MOST_HELD) held.push(delta);
    this.doubt(runId);
  }

  /** What was missing has come: what was held follows it. */
  private release(runId: string): void {
    const held = this.held.get(runId) ?? [];
    this.held.delete(runId);
    for (const delta of held) {
      const state = this.answers.accept('agent_delta', delta);
      if (state?.missed) this.miss(runId, delta);
    }
  }

  private coversHeld(state: AnswerState, run: RunView): boolean {
    const length = state.answer.length;
    return run.text.length <= length && (this.held.get(state.run_id) ?? []).every(({ index }) => index <= length);
  }

  private publish(runId: string): void {
    const state = this.answers.get(runId);
    if (state) for (const live of this.watchers.get(runId) ?? []) live.update(state.answer);
  }

  private end(outcome: RunOutcome): void {
    const { runId } = outcome;
    for (const live of this.watchers.get(runId) ?? []) live.end(outcome);
    this.watchers.delete(runId);
    this.held.delete(runId);
    this.questions.delete(runId);
    this.outcomes.set(runId, outcome);
    const [oldest] = this.outcomes.keys();
    if (this.outcomes.size > MOST_ENDED && oldest !== undefined) this.forget(oldest);
  }

  private forget(runId: string): void {
    this.outcomes.delete(runId);
    this.held.delete(runId);
    this.questions.delete(runId);
    this.answers.forget(runId);
  }
}
