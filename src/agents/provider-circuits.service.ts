import { Injectable, Logger } from '@nestjs/common';
import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import { AppConfig } from '../config';
import { classify, ComponentError } from '../errors';
import { CallHistory, type Unreliable } from '../telemetry';
import { RunStop } from './active-runs';

/** `half_open`: one call is under way to find out whether the provider is well again. */
export type ProviderCircuitState = 'closed' | 'open' | 'half_open';

const STATES: Readonly<Record<CircuitState, ProviderCircuitState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
};

/**
 * One circuit breaker per provider, shared by all runs of this process. A call goes through `call` or `stream`; after
 * PROVIDER_CIRCUIT_FAILURES failures in a row the circuit opens, and calls fail at once with PROVIDER_CIRCUIT_OPEN (1006). After
 * PROVIDER_CIRCUIT_OPEN_MS one call is let through: its success closes the circuit, its failure opens it again.
 *
 * Only what another call may mend counts as a failure: errors that are retryable, time limits of the engine among them. A refusal (a bad key, a
 * bad request) and a cancelled run count neither way; but a cancelled probe leaves the circuit open.
 */
@Injectable()
export class ProviderCircuits {
  private readonly logger = new Logger(ProviderCircuits.name);
  private readonly circuits = new Map<string, CircuitBreakerPolicy>();
  private readonly histories = new Map<string, CallHistory<ComponentError>>();
  /** When each circuit opened last, by the clock of the circuits (`Date`). */
  private readonly openedAt = new Map<string, number>();

  constructor(private readonly config: AppConfig) {}

  /** What `work` gives. @throws what it throws, or ComponentError PROVIDER_CIRCUIT_OPEN without calling it */
  async call<T>(provider: string, work: () => Promise<T>): Promise<T> {
    const circuit = this.circuitOf(provider);
    // Others would wait for the probe's outcome, for as long as that takes.
    if (circuit.state === CircuitState.HalfOpen) throw this.isOpen(provider);
    try {
      const result = await circuit.execute(work);
      this.historyOf(provider).succeeded();
      return result;
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw this.isOpen(provider);
      if (isTheProviders(error)) this.historyOf(provider).failed(classify(error, 'Dependencies'));
      throw error;
    }
  }

  /**
   * The items of a stream that `open` begins, from its first to its last one call: a failure in mid-stream counts too. Only a probe has
   * succeeded with its first item. @throws as `call` does
   */
  async *stream<T>(provider: string, open: () => AsyncIterable<T>): AsyncGenerator<T, void, void> {
    const admitted = Promise.withResolvers<void>();
    const verdict = Promise.withResolvers<void>();
    const judged = this.call(provider, () => {
      admitted.resolve();
      return verdict.promise;
    });
    await Promise.race([admitted.promise, judged]);
    const probing = this.stateOf(provider) === 'half_open';
    try {
      for await (const item of open()) {
        if (probing) verdict.resolve();
        yield item;
      }
    } catch (error) {
      verdict.reject(error);
      throw error;
    } finally {
      verdict.resolve();
      await Promise.allSettled([judged]);
    }
  }

  stateOf(provider: string): ProviderCircuitState {
    return STATES[this.circuitOf(provider).state];
  }

  /** Why the provider cannot be relied on, as those find it who call it; null where they can. */
  troubleOf(provider: string): Unreliable<ComponentError> | null {
    return this.historyOf(provider).trouble;
  }

  private historyOf(provider: string): CallHistory<ComponentError> {
    const known = this.histories.get(provider) ?? new CallHistory<ComponentError>();
    this.histories.set(provider, known);
    return known;
  }

  private circuitOf(provider: string): CircuitBreakerPolicy {
    const known = this.circuits.get(provider);
    if (known) return known;
    const { circuitFailures, circuitOpenMs } = this.config.agents;
    // Of a probe that was cancelled nothing is known, and what does not count as a failure closes the circuit.
    const isFailure = (error: unknown): boolean =>
      countsAsFailure(error) || (error instanceof RunStop && circuit.state === CircuitState.HalfOpen);
    const circuit: CircuitBreakerPolicy = circuitBreaker(handleWhen(isFailure), {
      breaker: new ConsecutiveBreaker(circuitFailures),
      halfOpenAfter: circuitOpenMs,
    });
    circuit.onStateChange((state) => this.logger.warn({ provider, state: STATES[state] }, 'Circuit of a provider'));
    circuit.onBreak(() => void this.openedAt.set(provider, Date.now()));
    this.circuits.set(provider, circuit);
    return circuit;
  }

  private isOpen(provider: string): ComponentError {
    const { circuitOpenMs } = this.config.agents;
    const openMs = Date.now() - (this.openedAt.get(provider) ?? 0);
    // A probe that is under way may fail.
    const retryAfterMs = openMs < circuitOpenMs ? circuitOpenMs - openMs : circuitOpenMs;
    return ComponentError.dependencies('PROVIDER_CIRCUIT_OPEN', { details: { provider }, retryAfterMs });
  }
}

/** What calling again may mend, and what an admin has to: a used-up quota, credentials. Not what is wrong with one request. */
function isTheProviders(error: unknown): boolean {
  return countsAsFailure(error) || classify(error, 'Dependencies').definition.severity === 'critical';
}

function countsAsFailure(error: unknown): boolean {
  return !(error instanceof RunStop) && classify(error, 'Dependencies').definition.retryable;
}
