import { AsyncLocalStorage } from 'node:async_hooks';
import type { DurableEvent } from '@clarion/protocol';
import { RunEnding, Workers } from '.';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { ActiveRuns } from './active-runs';
import { Dispatcher } from './dispatcher.service';
import { Reconciler } from './reconciler.service';
import { RunFailures } from './run-failures.service';
import { RunStore } from './run.store';

const SILENT = { fail: { kind: 'hang', at_token: 0 } };

describe('the reconciler', () => {
  let database: TestDatabase;
  const engines: Engine[] = [];

  const start = async (env: Record<string, string> = {}) => {
    const engine = await Engine.start(database.url, { env: { WORKER_DEAD_AFTER_MS: '1000', ...env } });
    engines.push(engine);
    return engine;
  };

  const events = async (engine: Engine, count: number) => {
    while ((await engine.events('ann')).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop();
    await database.drop();
  });

  it('ends what waited too long though the queue does not answer', async () => {
    const engine = await start({ RUN_QUEUE_TIMEOUT_MS: '1000' });
    engine.queue.delivering = false;
    engine.queue.lookupFailure = new Error('queue away');
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    await engine.database.query(`UPDATE runs SET dispatched_at = now() - interval '1 hour', dispatch = 1`);
    expect(await engine.ended('ann', run_id)).toMatchObject({ data: { error: { reason: 'RUN_QUEUE_TIMEOUT' } } });
  });

  it('ends the other runs although one of them cannot be ended', async () => {
    const engine = await start();
    engine.queue.delivering = false;
    const bad = await engine.drill('ann', 'm1', { tokens: 1 });
    const good = await engine.drill('ann', 'm2', { tokens: 1 });
    const runs = engine.app.get(RunStore);
    const end = runs.end.bind(runs);
    jest.spyOn(runs, 'end').mockImplementation((tx, ends) => {
      if (ends.some(({ run }) => run.id === bad.run_id)) throw new RangeError('cannot be ended');
      return end(tx, ends);
    });
    await engine.database.query(`UPDATE runs SET status = 'running', attempt = max_attempts, worker_id = NULL`);
    expect(await engine.ended('ann', good.run_id)).toMatchObject({ type: 'agent_failed' });
    jest.restoreAllMocks();
  });

  it('puts a run that ended with its last worker on record once, however many processes find it', async () => {
    const all = [await start(), await start(), await start()];
    for (const { queue } of all) queue.delivering = false;
    const [first] = all as [Engine];
    const { run_id } = await first.drill('ann', 'm1', { tokens: 1 });
    await first.database.query(`UPDATE runs SET status = 'running', attempt = max_attempts, worker_id = NULL`);
    await Promise.all(all.map((engine) => engine.app.get(RunFailures).failExhausted(10)));
    const end = (await first.ended('ann', run_id)) as DurableEvent<'agent_failed'>;
    const records = await first.database.query('SELECT support_code, reason FROM error_records');
    const { support_code } = end.data.error;
    expect(records).toEqual([{ support_code, reason: 'RUN_ATTEMPTS_EXHAUSTED' }]);
  });

  it('stops an agent that writes nothing when its run was ended by another process', async () => {
    const [working, asked] = [await start(), await start()];
    asked.queue.delivering = false;
    const { run_id } = await working.drill('ann', 'm1', SILENT);
    await events(working, 3);
    await asked.app.get(RunEnding).cancel('ann', run_id);
    await working.app.get(ActiveRuns).whenIdle();
    const types = (await working.events('ann')).map(({ type }) => type);
    expect(types).toEqual(['message_created', 'run_queued', 'agent_started', 'agent_cancelled']);
  });

  it('lets a run that was handed over go on, however old it is', async () => {
    const [leaving, staying] = [await start(), await start()];
    staying.queue.delivering = false;
    const { run_id } = await leaving.drill('ann', 'm1', { tokens: 20, per_second: 40 });
    await events(leaving, 3);
    await staying.database.query(
      `UPDATE runs SET created_at = now() - interval '1 day', waiting_since = now() - interval '1 day'`,
    );
    leaving.queue.delivering = false;
    staying.queue.delivering = true;
    await engines.splice(engines.indexOf(leaving), 1)[0]?.stop();
    expect(await staying.ended('ann', run_id)).toMatchObject({ type: 'agent_completed', attempt: 2 });
  });

  it('bounds the wait of a run that lost its worker and finds no other', async () => {
    const engine = await start({ RUN_QUEUE_TIMEOUT_MS: '1000' });
    engine.queue.failure = new Error('queue away');
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    await engine.database.query(
      `UPDATE runs SET status = 'running', attempt = 1, worker_id = gen_random_uuid(), dispatched_at = now()`,
    );
    expect(await engine.ended('ann', run_id)).toMatchObject({ data: { error: { reason: 'RUN_QUEUE_TIMEOUT' } } });
  });

  it('ends a run that is older than 25 days', async () => {
    const engine = await start();
    engine.queue.delivering = false;
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    await engine.database.query(`UPDATE runs SET created_at = now() - interval '40 days'`);
    expect(await engine.app.get(RunEnding).cancel('ann', run_id)).toEqual({ run_id, status: 'cancelled' });
  });

  it('dispatches a forgotten run although thousands of users have runs that must wait', async () => {
    const engine = await start();
    const waiting = 3_000;
    await engine.database.query(
      `INSERT INTO workers (id, host, pid, heartbeat_at) VALUES ($1, 'x', 1, now() + interval '1 hour')`,
      ['01940000-0000-7000-8000-000000000001'],
    );
    await engine.database.query(
      `WITH u AS (SELECT 'a' || n AS user_id, gen_random_uuid() AS thread FROM generate_series(1, $1) n)
       INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts, status, worker_id, dispatched_at, attempt)
       SELECT gen_random_uuid(), user_id, thread, gen_random_uuid(), 'drill', 3, s.status, s.worker, s.at, s.attempt
       FROM u, (VALUES (1, 'running', $2::uuid, now(), 1), (2, 'queued', NULL, NULL, 0)) AS s (n, status, worker, at, attempt) ORDER BY s.n`,
      [waiting, '01940000-0000-7000-8000-000000000001'],
    );
    engine.queue.failure = new Error('queue away');
    const { run_id } = await engine.drill('zoe', 'm1', { tokens: 1 });
    while ((await engine.events('zoe')).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    engine.queue.failure = null;
    expect(await engine.ended('zoe', run_id)).toMatchObject({ type: 'agent_completed' });
  });

  it('looks for the jobs of all late runs, however many wait rightly', async () => {
    const engine = await start();
    engine.queue.delivering = false;
    const asked = new Set<string>();
    jest.spyOn(engine.queue, 'pending').mockImplementation(((wakeUps: { run_id: string }[]) => {
      for (const { run_id } of wakeUps) asked.add(run_id);
      return Promise.resolve(new Set(wakeUps.map(({ run_id }) => run_id)));
    }) as never);
    await engine.database.query(
      `INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts, dispatch, dispatched_at)
       SELECT gen_random_uuid(), 'u' || n, gen_random_uuid(), gen_random_uuid(), 'drill', 3, 1, now() - interval '1 minute'
       FROM generate_series(1, 1200) n`,
    );
    const reconciler = engine.app.get(Reconciler);
    for (let pass = 0; pass < 3; pass += 1) await reconciler.reconcile();
    expect(asked.size).toBe(1200);
  });

  it('gives another job to a run whose job was taken and led to no lease, but not while this very process is at it', async () => {
    const engine = await start();
    engine.queue.delivering = false;
    jest.spyOn(engine.queue, 'pending').mockResolvedValue(new Set());
    const [mine, lost] = [
      await engine.drill('ann', 'm1', { tokens: 1 }),
      await engine.drill('bob', 'm1', { tokens: 1 }),
    ];
    await engine.app.get(Dispatcher).settled();
    await engine.database.query(`UPDATE runs SET dispatched_at = now() - interval '4 seconds'`);
    const active = engine.app.get(ActiveRuns).begin(mine.run_id);
    await engine.app.get(Reconciler).reconcile();
    await engine.app.get(Dispatcher).settled();
    const dispatches = await engine.database.query(`SELECT id, dispatch FROM runs ORDER BY user_id`);
    expect(dispatches).toEqual([
      { id: mine.run_id, dispatch: 1 },
      { id: lost.run_id, dispatch: 2 },
    ]);
    if (active !== null) engine.app.get(ActiveRuns).finish(active);
  });

  it('finds what it looks for by an index, among many runs that have ended', async () => {
    const engine = await start();
    await engine.database.query(
      `INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts, status, finished_at)
       SELECT gen_random_uuid(), 'u' || n % 100, gen_random_uuid(), gen_random_uuid(), 'drill', 3, 'completed', now()
       FROM generate_series(1, 8000) n`,
    );
    await engine.database.query('ANALYZE runs');
    const workers = engine.app.get(Workers);
    while (!workers.mayJudge) await new Promise((resolve) => setTimeout(resolve, 50));
    // Its own alone: what runs beside it in this process may read as it likes.
    const reconciling = new AsyncLocalStorage<true>();
    const statements: [string, readonly unknown[]][] = [];
    const query = engine.database.query.bind(engine.database);
    const spy = jest.spyOn(engine.database, 'query').mockImplementation(((text: string, values: unknown[] = []) => {
      if (reconciling.getStore()) statements.push([text, values]);
      return query(text, values);
    }) as never);
    await reconciling.run(true, () => engine.app.get(Reconciler).reconcile());
    spy.mockRestore();
    const reading = statements.filter(([text]) => /FROM runs r?\b|UPDATE runs/.test(text));
    expect(reading.length).toBeGreaterThan(4);
    for (const [text, values] of reading) {
      const plan = await query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      expect(plan.map((line) => line['QUERY PLAN']).join('\n')).not.toMatch(/Seq Scan on runs/);
    }
  });

  it('does not judge the living dead after a stall of the database that hit all of them', async () => {
    const engine = await start();
    const workers = engine.app.get(Workers);
    while (!workers.mayJudge) await new Promise((resolve) => setTimeout(resolve, 50));
    const query = engine.database.query.bind(engine.database);
    const spy = jest.spyOn(engine.database, 'query').mockImplementation((async (text: string, values: unknown[]) => {
      if (text.includes('INSERT INTO workers')) await new Promise((resolve) => setTimeout(resolve, 1_100));
      return query(text, values);
    }) as never);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    spy.mockRestore();
    while (workers.steadyForMs === null) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(workers.mayJudge).toBe(false);
  });
});
