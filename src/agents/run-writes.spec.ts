import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { uncommitted } from '../../test/support/uncommitted';
import { ComponentError, FailureReporter } from '../errors';
import type { NewEvent } from '../mailbox';
import type { Transaction } from '../persistence';
import { ActiveRuns } from './active-runs';
import type { Run } from './run';
import { RunExecutor } from '.';
import { RunLeases } from './run-leases.service';
import { RunWriters } from './run-writers.service';

const RUNS = 40;
const live = new AbortController().signal;

describe('runs that begin, write and end together', () => {
  let test: TestDatabase;
  let engine: Engine;

  const start = async (env: Record<string, string> = {}) => {
    engine = await Engine.start(test.url, { env });
  };

  beforeEach(async () => {
    test = await createTestDatabase();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await engine.stop();
    await test.drop();
  });

  /** Two runs of each user, under leases of this process. */
  const leased = async (): Promise<Run[]> => {
    engine.queue.delivering = false;
    const sent = await Promise.all(
      Array.from({ length: RUNS }, (_, at) => engine.drill(`user${at % (RUNS / 2)}`, `m${at}`, { tokens: 1 })),
    );
    const leases = engine.app.get(RunLeases);
    return (await Promise.all(sent.map(({ run_id }) => leases.take(run_id, live)))) as Run[];
  };

  const thought = (run: Run, text: string): NewEvent => ({
    type: 'agent_thinking',
    data: { text, step: 1 },
    thread_id: run.thread_id,
    run_id: run.id,
    attempt: run.attempt,
  });

  const typesOf = async (run: Run) =>
    (await engine.events(run.user_id)).filter(({ run_id }) => run_id === run.id).map(({ type }) => type);

  const BEGUN = ['message_created', 'run_queued', 'agent_started'];

  it('share transactions; one whose lease is lost loses its events and its step alone', async () => {
    await start();
    const runs = await leased();
    const [ghost, ...others] = runs as [Run, ...Run[]];
    await engine.database.query('UPDATE runs SET fence = fence + 1 WHERE id = $1', [ghost.id]);
    const transactions = jest.spyOn(engine.database, 'transaction');
    const writers = runs.map((run) => engine.app.get(RunWriters).of(run));
    const step = { mark: { key: 'step:1', state: 'completed', result: '1' }, text_length: 0 } as const;
    const written = await Promise.allSettled(
      runs.map((run, at) => writers[at]!.append([thought(run, 'one'), thought(run, 'two')], live, { step })),
    );
    expect(transactions.mock.calls.length).toBeLessThanOrEqual(3);
    expect(written.map(({ status }) => status)).toEqual(['rejected', ...others.map(() => 'fulfilled')]);
    expect(written[0]).toMatchObject({ reason: { kind: 'lease_lost' } });
    expect(await typesOf(ghost)).toEqual(BEGUN);
    for (const run of others) expect(await typesOf(run)).toEqual([...BEGUN, 'agent_thinking', 'agent_thinking']);
    const steps = await engine.database.query<{ run_id: string }>('SELECT run_id FROM run_steps');
    expect(steps.map(({ run_id }) => run_id).sort()).toEqual(others.map(({ id }) => id).sort());
  });

  it('end once each, whether they complete or fail, and no end of one that was ended elsewhere is written', async () => {
    await start();
    const runs = await leased();
    await engine.database.query(`UPDATE runs SET status = 'cancelled', finished_at = now() WHERE id = $1`, [
      runs[0]!.id,
    ]);
    const { error } = await engine.app.get(FailureReporter).report(new Error('why'), { operation: 'test' });
    const ended = await Promise.allSettled(
      runs.map((run, at) =>
        engine.app
          .get(RunWriters)
          .of(run)
          .end(
            at % 2
              ? { status: 'failed', content: `x${at}`, error }
              : { status: 'completed', content: `x${at}`, usage: null },
            live,
          ),
      ),
    );
    expect(ended[0]).toMatchObject({ status: 'rejected', reason: { kind: 'lease_lost' } });
    expect(await typesOf(runs[0]!)).toEqual(BEGUN);
    const answers = await engine.database.query<{ run_id: string; content: string }>(
      `SELECT run_id, content FROM messages WHERE role = 'assistant'`,
    );
    for (const [at, run] of runs.entries()) {
      if (at === 0) continue;
      expect(await typesOf(run)).toEqual([...BEGUN, at % 2 ? 'agent_failed' : 'agent_completed']);
      const own = answers.filter(({ run_id }) => run_id === run.id);
      expect(own).toEqual(at % 2 ? [] : [{ run_id: run.id, content: `x${at}` }]);
    }
  });

  it.each(['lost', 'failed'])('take a lease once though its commit was %s, and its user is told', async (fault) => {
    await start();
    engine.queue.delivering = false;
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    const away = ComponentError.database('DATABASE_UNAVAILABLE');
    const transaction = engine.database.transaction.bind(engine.database);
    const spy = jest
      .spyOn(engine.database, 'transaction')
      .mockImplementationOnce(async (work: (tx: Transaction) => Promise<unknown>) => {
        await transaction(async (tx) => {
          const silent = { ...tx, afterCommit: () => undefined };
          await work(fault === 'failed' ? uncommitted(silent) : silent);
          if (fault === 'failed') throw away;
        }).catch((error: unknown) => expect(error).toBe(away));
        throw away;
      });
    expect(await engine.app.get(RunLeases).take(run_id, live)).toMatchObject({
      attempt: 1,
      fence: 1,
      status: 'running',
    });
    expect(spy).toHaveBeenCalled();
    expect((await engine.events('ann')).map(({ type }) => type)).toEqual(BEGUN);
  });

  it('are refused what begins while the process stops: another one is given it, and no attempt is counted', async () => {
    await start();
    engine.queue.delivering = false;
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    while (engine.queue.enqueued.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    engine.app.get(ActiveRuns).shutDown();
    await engine.app.get(RunExecutor).execute(run_id);
    const runs = await engine.database.query('SELECT status, attempt, fence, dispatched_at FROM runs');
    expect(runs).toEqual([{ status: 'queued', attempt: 0, fence: 0, dispatched_at: null }]);
  });

  it('need no more connections than there are: they wait for each other, and nobody hears of trouble', async () => {
    await start({ DATABASE_POOL_SIZE: '3' });
    const many = 120;
    await Promise.all(
      Array.from({ length: many }, (_, at) => engine.drill(`user${at}`, 'm1', { tokens: 3, think: 1, tools: 1 })),
    );
    const under = async () => (await engine.database.query('SELECT 1 FROM runs WHERE finished_at IS NULL')).length;
    while ((await under()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.queue.failures).toEqual([]);
    const types = await engine.database.query<{ type: string; count: number }>(
      'SELECT type, count(*)::int AS count FROM mailbox_events GROUP BY type',
    );
    const told = [...BEGUN, 'agent_thinking', 'tool_executing', 'tool_completed', 'agent_completed'];
    expect(new Map(types.map(({ type, count }) => [type, count]))).toEqual(new Map(told.map((type) => [type, many])));
  });
});
