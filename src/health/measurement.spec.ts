import { ComponentError } from '../errors';
import type { HealthFinding } from '../telemetry';
import { BROKEN, ScriptedIndicator } from './health.fixture';
import { measure } from './measurement';

const QUEUES = new ScriptedIndicator('queues');

const never = (): Promise<HealthFinding> => new Promise(() => undefined);

describe('measuring a component', () => {
  it('keeps status and details of a finding', async () => {
    const found = await measure(QUEUES, 1_000, async () => ({ status: 'healthy', details: { waiting: 3 } }));
    expect(found).toEqual({ status: 'healthy', details: { waiting: 3 }, problem: null });
  });

  it('gives a precise cause its own reason', async () => {
    const cause = ComponentError.database('DATABASE_CAPACITY');
    const found = await measure(QUEUES, 1_000, async () => ({
      status: 'degraded',
      problem: 'Full',
      suggestion: 'more',
      cause,
    }));
    expect(found).toMatchObject({ status: 'degraded', problem: { text: 'Full', suggestion: 'more', error: cause } });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('boom'))],
    [
      'throws at once',
      () => {
        throw new Error('boom');
      },
    ],
  ])('takes a check that %s for a failed component', async (_how, check) => {
    const found = await measure(QUEUES, 1_000, check);
    expect(found.status).toBe('failed');
    expect(found.problem?.text).toContain('boom');
    expect(found.problem?.error).toMatchObject({ reason: 'HEALTH_CHECK_FAILED', details: { indicator: 'queues' } });
  });

  it('gives up on a check that hangs', async () => {
    const found = await measure(QUEUES, 50, never);
    expect(found.status).toBe('failed');
    expect(found.problem?.text).toBe('The check did not answer within 50 ms');
    expect(found.problem?.error.reason).toBe('HEALTH_CHECK_FAILED');
  });

  it('lets the indicator say what no answer means', async () => {
    class Slow extends ScriptedIndicator {
      override unanswered(): HealthFinding {
        return { ...BROKEN, cause: ComponentError.database('DATABASE_TIMEOUT') };
      }
    }
    const found = await measure(new Slow('database'), 50, never);
    expect(found).toMatchObject({ status: 'failed', problem: { error: { reason: 'DATABASE_TIMEOUT' } } });
  });

  it('tells a check that its time is up', async () => {
    const aborted = Promise.withResolvers<void>();
    await measure(QUEUES, 20, (signal) => {
      signal.addEventListener('abort', () => aborted.resolve());
      return never();
    });
    await aborted.promise;
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'healthy'],
    ['an unknown status', { status: 'splendid' }],
    ['details that are text', { status: 'healthy', details: 'fine' }],
    [
      'details that throw',
      { status: 'healthy', details: Object.defineProperty({}, 'a', { enumerable: true, get: fail }) },
    ],
  ])('takes %s as an answer for a failed component', async (_what, answer) => {
    const found = await measure(QUEUES, 1_000, async () => answer as HealthFinding);
    expect(found.status).toBe('failed');
    expect(found.problem?.error.reason).toBe('HEALTH_CHECK_FAILED');
  });

  it('shows no secrets that an indicator let slip', async () => {
    const problem = 'No way to postgres://clarion:hunter2@db/clarion';
    const found = await measure(QUEUES, 1_000, async () => ({
      status: 'failed',
      problem,
      suggestion: 'x',
      details: { password: 'hunter2' },
    }));
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });
});

function fail(): never {
  throw new Error('a getter threw');
}
