import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { classify, type ComponentError, type Reason } from '../errors';
import { AgentRegistry, type RegisteredAgent } from './agent-registry';
import { RetryBudget } from './retry-budget';
import type { Run } from './run';

/** What comes after an attempt that failed. `why` says why it is not repeated: for the record. */
export type Verdict =
  | { readonly kind: 'retry'; readonly agent: RegisteredAgent; readonly delayMs: number }
  | { readonly kind: 'fall_back'; readonly agent: RegisteredAgent; readonly why: NotRepeated }
  | { readonly kind: 'fail'; readonly why: NotRepeated };

type NotRepeated = 'not_retryable' | 'attempts_used_up' | 'asked_to_wait_longer' | 'retry_budget_spent';

/** An attempt that took all of its time would take it again: the user decides. */
const NOT_REPEATED: ReadonlySet<Reason> = new Set<Reason>(['AGENT_TIMEOUT']);

/** From here on a failure is ours, not the fault of what was asked for: another agent may do better. */
const OUR_FAULT = 500;

/** Decides by the classification of a failure whether its run is repeated, given to another agent, or over. */
@Injectable()
export class RetryPolicy {
  private readonly budget: RetryBudget;

  constructor(
    private readonly registry: AgentRegistry,
    private readonly config: AppConfig,
  ) {
    this.budget = new RetryBudget(config.agents.retryBudgetPercent);
  }

  runBegan(): void {
    this.budget.runBegan();
  }

  /** Takes from the retry budget of this process where the verdict is `retry`. */
  judge(run: Run, error: unknown): Verdict {
    const failure = classify(error, 'AgentSupervisor');
    const why = this.notRepeated(run, failure);
    if (why === null)
      return { kind: 'retry', agent: this.registry.get(run.agent), delayMs: this.delayOf(run, failure) };
    const fallback = failure.definition.httpStatus >= OUR_FAULT ? this.fallbackOf(run) : null;
    return fallback === null ? { kind: 'fail', why } : { kind: 'fall_back', agent: fallback, why };
  }

  /** Takes a retry from the same budget for a step that is repeated within its attempt; false when there is none left. */
  mayRepeatStep(): boolean {
    return this.budget.spend();
  }

  /** Who asks for more time than a run may wait is not asked again too early: the user learns when it is worth it. */
  private notRepeated(run: Run, { definition, askedRetryAfterMs }: ComponentError): NotRepeated | null {
    if (!definition.retryable || NOT_REPEATED.has(definition.reason)) return 'not_retryable';
    if (run.attempt >= run.max_attempts) return 'attempts_used_up';
    if ((askedRetryAfterMs ?? 0) > this.config.agents.retryMaxDelayMs) return 'asked_to_wait_longer';
    return this.budget.spend() ? null : 'retry_budget_spent';
  }

  /** What the failure asks for, and exponentially more with every failure of this agent, spread at random. */
  private delayOf(run: Run, { retryAfterMs }: ComponentError): number {
    const { retryDelayMs, retryMaxDelayMs } = this.config.agents;
    const earlier = run.failures.filter(({ agent }) => agent === run.agent).length;
    const backoff = retryDelayMs * 2 ** earlier * (0.5 + Math.random());
    return Math.round(Math.min(retryMaxDelayMs, (retryAfterMs ?? 0) + backoff));
  }

  /** An agent that has failed in this run is not asked again. */
  private fallbackOf({ agent, failures }: Run): RegisteredAgent | null {
    const wanted = this.registry.get(agent).fallback ?? this.config.agents.fallbackAgent;
    const tried = [agent, ...failures.map((failure) => failure.agent)];
    return wanted === undefined || tried.includes(wanted) ? null : this.registry.get(wanted);
  }
}
