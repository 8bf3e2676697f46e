import fc from 'fast-check';
import { loadConfig } from '../config';
import { ComponentError } from '../errors';
import type { AgentRegistry, RegisteredAgent } from './agent-registry';
import { RetryPolicy, type Verdict } from './retry-policy.service';
import type { Run } from './run';

const BASE_MS = 100;
const MOST_MS = 60_000;
const OUTAGE = ComponentError.dependencies('PROVIDER_UNAVAILABLE', { retryAfterMs: 0 });

const agents = new Map(
  [{ name: 'first', fallback: 'second' }, { name: 'second' }].map((agent) => [agent.name, agent as RegisteredAgent]),
);
const registry = { get: (name: string) => agents.get(name) } as AgentRegistry;

const policy = (env: Record<string, string> = {}) => {
  const delays = { RUN_RETRY_DELAY_MS: String(BASE_MS), RUN_RETRY_MAX_DELAY_MS: String(MOST_MS) };
  return new RetryPolicy(registry, loadConfig({ ...delays, RUN_RETRY_BUDGET_PERCENT: '1000', ...env }));
};

/** A run whose agent has failed before. */
const failed = (times: number, agent = 'first') => {
  const failures = Array.from({ length: times }, () => ({ agent }));
  return { agent, attempt: times + 1, max_attempts: times + 2, failures } as unknown as Run;
};

const delayOf = (verdict: Verdict): number => (verdict.kind === 'retry' ? verdict.delayMs : Number.NaN);

describe('the wait before another attempt', () => {
  it('doubles with every failure of the agent, spread by half of it to both sides, up to its limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), (times) => {
        const mean = BASE_MS * 2 ** times;
        const delayMs = delayOf(policy().judge(failed(times), OUTAGE));
        expect(delayMs).toBeGreaterThanOrEqual(Math.min(MOST_MS, Math.floor(mean / 2)));
        expect(delayMs).toBeLessThanOrEqual(Math.min(MOST_MS, Math.ceil(mean * 1.5)));
      }),
    );
  });

  it('is not the same for runs that failed together', () => {
    const one = policy();
    const delays = Array.from({ length: 20 }, () => delayOf(one.judge(failed(4), OUTAGE)));
    expect(new Set(delays).size).toBeGreaterThan(10);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(BASE_MS);
  });

  it('is never shorter than a provider asks for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MOST_MS }), fc.integer({ min: 0, max: 12 }), (retryAfterMs, times) => {
        const limited = ComponentError.dependencies('PROVIDER_RATE_LIMITED', { retryAfterMs });
        const delayMs = delayOf(policy().judge(failed(times), limited));
        expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs);
        expect(delayMs).toBeLessThanOrEqual(MOST_MS);
      }),
    );
  });

  it('that a provider asks for and a run may not have is not cut: another agent answers, or the user learns of it', () => {
    const limited = ComponentError.dependencies('PROVIDER_RATE_LIMITED', { retryAfterMs: MOST_MS + 1 });
    const why = 'asked_to_wait_longer';
    expect(policy().judge(failed(0), limited)).toEqual({ kind: 'fall_back', agent: agents.get('second'), why });
    expect(policy().judge(failed(0, 'second'), limited)).toEqual({ kind: 'fail', why });
  });

  it('is cut where only the catalogue asks for it', () => {
    const unavailable = ComponentError.dependencies('PROVIDER_RATE_LIMITED');
    expect(delayOf(policy({ RUN_RETRY_MAX_DELAY_MS: '20' }).judge(failed(0), unavailable))).toBe(20);
  });
});

describe('the budget of retries', () => {
  it('is one for attempts and for steps within them', () => {
    const one = policy({ RUN_RETRY_BUDGET_PERCENT: '1' });
    let repeated = 0;
    while (one.mayRepeatStep()) repeated += 1;
    expect(repeated).toBe(20);
    expect(one.judge(failed(0, 'second'), OUTAGE)).toEqual({ kind: 'fail', why: 'retry_budget_spent' });
  });
});
