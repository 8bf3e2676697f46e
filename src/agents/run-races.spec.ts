import fc from 'fast-check';
import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import type { ComponentError } from '../errors';
import { RunEnding, RunRetry } from '.';

interface Action {
  engine: 0 | 1;
  kind: 'enqueue' | 'interrupt' | 'cancel' | 'retry' | 'orphan';
  run: number;
  pause: number;
}

const action: fc.Arbitrary<Action> = fc.record({
  engine: fc.constantFrom(0, 1),
  kind: fc.constantFrom('enqueue', 'enqueue', 'interrupt', 'cancel', 'retry', 'orphan'),
  run: fc.nat(30),
  pause: fc.nat(6),
});

/** What clients get wrong by racing, and may. */
const REFUSALS = new Set(['RUN_NOT_RETRYABLE', 'QUEUED_RUNS_LIMIT']);

describe('two processes on one database', () => {
  let test: TestDatabase;
  let engines: [Engine, Engine];

  beforeEach(async () => {
    test = await createTestDatabase();
    // A busy machine is no race: what waits for a lock in vain is found as a deadlock, after a second.
    const env = { RUN_MAX_ATTEMPTS: '5', DATABASE_STATEMENT_TIMEOUT_MS: '10000' };
    engines = [await Engine.start(test.url, { env }), await Engine.start(test.url, { env })];
  });

  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await test.drop();
  });

  const act = async (
    user: string,
    threadId: string,
    runs: string[],
    id: string,
    { engine: at, kind, run, pause }: Action,
  ) => {
    await new Promise((resolve) => setTimeout(resolve, pause * 3));
    const engine = engines[at];
    const target = runs[run % runs.length] ?? '';
    switch (kind) {
      case 'enqueue':
      case 'interrupt': {
        const more = { thread_id: threadId, overlap: kind };
        runs.push((await engine.drill(user, id, { tokens: 3, per_second: 300, think: 1 }, more)).run_id);
        return;
      }
      case 'cancel':
        await engine.app.get(RunEnding).cancel(user, target);
        return;
      case 'retry':
        runs.push((await engine.app.get(RunRetry).retry(user, target)).run_id);
        return;
      case 'orphan':
        await engine.database.query(
          `UPDATE runs SET worker_id = NULL, dispatched_at = NULL WHERE id = $1 AND status = 'running'`,
          [target],
        );
    }
  };

  const storm = async (user: string, actions: readonly Action[]) => {
    const first = await engines[0].drill(user, 'first', { tokens: 3, per_second: 300 });
    const runs = [first.run_id];
    const outcomes = await Promise.allSettled(
      actions.map((one, index) => act(user, first.thread_id, runs, `m${index}`, one)),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      const { reason } = outcome.reason as ComponentError;
      expect(REFUSALS.has(reason) ? 'refused' : outcome.reason).toBe('refused');
    }
    const ids = [...new Set(runs)];
    await Promise.all(ids.map((id, index) => engines[index % 2 === 0 ? 0 : 1].untilEnded(user, id)));
    return { ids, events: await engines[0].events(user) };
  };

  it('end every run exactly once, in order, without a deadlock, whatever users do at the same time', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 16 }), async (actions) => {
        const { ids, events } = await storm(`user-${(round += 1)}`, actions);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
        for (const id of ids) check(events.filter(({ run_id }) => run_id === id));
        expect(overlapping(events)).toEqual([]);
      }),
      { numRuns: 12, endOnFailure: true },
    );
    const conflicts = await engines[0].database.query(
      `SELECT reason, operation FROM error_records WHERE reason LIKE 'DATABASE%' OR reason = 'INTERNAL_ERROR'`,
    );
    expect(conflicts).toEqual([]);
  }, 60_000);
});

/** One run: queued first, one terminal event and that last, attempts that grow. */
function check(events: readonly DurableEvent[]): void {
  const types = events.map(({ type }) => type);
  expect(events.filter(({ type }) => TERMINAL_EVENTS.has(type))).toHaveLength(1);
  expect(TERMINAL_EVENTS.has(types.at(-1)!)).toBe(true);
  expect(types.indexOf('run_queued')).toBe(types.includes('message_created') ? 1 : 0);
  const attempts = events.flatMap(({ attempt }) => attempt ?? []);
  expect(attempts).toEqual([...attempts].sort((a, b) => a - b));
}

/** Runs of the thread that began while another had not ended. */
function overlapping(events: readonly DurableEvent[]): string[] {
  let under: string | null = null;
  const wrong: string[] = [];
  for (const { type, run_id } of events) {
    if (run_id === null) continue;
    if (type === 'agent_started' || type === 'agent_recovering') {
      if (under !== null && under !== run_id) wrong.push(run_id);
      under = run_id;
    } else if (TERMINAL_EVENTS.has(type) && under === run_id) {
      under = null;
    }
  }
  return wrong;
}
