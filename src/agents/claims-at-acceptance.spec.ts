import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { RunEnding, RunExecutor, RunQueue } from '.';
import { Dispatcher } from './dispatcher.service';

interface Row {
  id: string;
  dispatch: number;
  dispatched: boolean;
}

describe('A message that is accepted', () => {
  let database: TestDatabase;
  const engines: Engine[] = [];

  const start = async (env: Record<string, string> = {}): Promise<Engine> => {
    const engine = await Engine.start(database.url, { env });
    engine.queue.delivering = false;
    engines.push(engine);
    return engine;
  };
  const send = (engine: Engine, user: string, id: string, more: object = {}) =>
    engine.drill(user, id, { tokens: 1 }, more);
  const runsOf = (engine: Engine, user: string) =>
    engine.database.query<Row>(
      'SELECT id, dispatch, dispatched_at IS NOT NULL AS dispatched FROM runs WHERE user_id = $1 ORDER BY ordinal',
      [user],
    );

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.stop()));
    await database.drop();
  });

  it('has its run claimed in the same transaction, and enqueued without another claim', async () => {
    const engine = await start();
    const wake = jest.spyOn(engine.app.get(Dispatcher), 'wake');
    const { run_id } = await send(engine, 'ann', 'm1');
    expect(await runsOf(engine, 'ann')).toEqual([{ id: run_id, dispatch: 1, dispatched: true }]);
    await engine.app.get(Dispatcher).settled();
    expect(engine.queue.enqueued).toEqual([expect.objectContaining({ run_id, dispatch: 1 })]);
    expect(wake).not.toHaveBeenCalled();
  });

  it('waits behind the run of its thread', async () => {
    const engine = await start();
    const first = await send(engine, 'ann', 'm1');
    const second = await send(engine, 'ann', 'm2', { thread_id: first.thread_id });
    expect(await runsOf(engine, 'ann')).toEqual([
      { id: first.run_id, dispatch: 1, dispatched: true },
      { id: second.run_id, dispatch: 0, dispatched: false },
    ]);
  });

  it('is claimed only as far as the limit of its user goes, whichever processes accept at once', async () => {
    const two = [await start({ RUNS_PER_USER: '3' }), await start({ RUNS_PER_USER: '3' })];
    await Promise.all(Array.from({ length: 40 }, (_, at) => send(two[at % 2]!, 'ann', `m${at}`)));
    await Promise.all(two.map((engine) => engine.app.get(Dispatcher).settled()));
    const dispatched = (await runsOf(two[0]!, 'ann')).filter((run) => run.dispatched);
    expect(dispatched).toHaveLength(3);
  });

  it('takes no place that an earlier run waits for', async () => {
    const engine = await start({ RUNS_PER_USER: '2' });
    const [first, , third] = [
      await send(engine, 'ann', 'm1'),
      await send(engine, 'ann', 'm2'),
      await send(engine, 'ann', 'm3'),
    ];
    await engine.app.get(Dispatcher).settled();
    // A place is free, and nobody has been told yet.
    await engine.database.query(`UPDATE runs SET status = 'completed', finished_at = now() WHERE id = $1`, [
      first.run_id,
    ]);
    const wake = jest.spyOn(engine.app.get(Dispatcher), 'wake').mockReturnValue();
    const fourth = await send(engine, 'ann', 'm4');
    wake.mockRestore();
    engine.app.get(Dispatcher).wake('ann');
    await engine.app.get(Dispatcher).settled();
    const dispatched = (await runsOf(engine, 'ann')).filter((run) => run.dispatched).map(({ id }) => id);
    expect(dispatched).toContain(third.run_id);
    expect(dispatched).not.toContain(fourth.run_id);
  });

  it('is claimed whatever its user has under way where there is no limit', async () => {
    const engine = await start({ RUNS_PER_USER: '0' });
    await Promise.all(Array.from({ length: 12 }, (_, at) => send(engine, 'ann', `m${at}`)));
    expect((await runsOf(engine, 'ann')).filter((run) => run.dispatched)).toHaveLength(12);
  });

  it('is looked after at the end of a run only where it waits for that', async () => {
    const engine = await start();
    const wake = jest.spyOn(engine.app.get(Dispatcher), 'wake');
    const alone = await send(engine, 'ann', 'm1');
    await engine.app.get(RunEnding).cancel('ann', alone.run_id);
    expect(wake).not.toHaveBeenCalled();
    const first = await send(engine, 'ann', 'm2');
    const second = await send(engine, 'ann', 'm3', { thread_id: first.thread_id });
    await engine.app.get(RunEnding).cancel('ann', first.run_id);
    await engine.app.get(Dispatcher).settled();
    expect((await runsOf(engine, 'ann')).at(-1)).toEqual({ id: second.run_id, dispatch: 1, dispatched: true });
  });

  it('is not begun by a wake-up that was given up: its place may be taken', async () => {
    const engine = await start({ RUNS_PER_USER: '1' });
    const { run_id } = await send(engine, 'ann', 'm1');
    await engine.app.get(Dispatcher).release([{ run_id, dispatch: 1 }]);
    await engine.app.get(RunExecutor).execute(run_id);
    const state = await engine.database.query('SELECT status, fence, dispatched_at FROM runs');
    expect(state).toEqual([{ status: 'queued', fence: 0, dispatched_at: null }]);
    engine.app.get(Dispatcher).wake('ann');
    await engine.app.get(Dispatcher).settled();
    await engine.app.get(RunExecutor).execute(run_id);
    expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_completed' });
  });

  it('is enqueued together with what comes at the same time', async () => {
    const engine = await start();
    const enqueue = jest.spyOn(engine.app.get(RunQueue), 'enqueue');
    await Promise.all(Array.from({ length: 200 }, (_, at) => send(engine, `user${at}`, 'm')));
    await engine.app.get(Dispatcher).settled();
    expect(new Set(engine.queue.enqueued.map(({ run_id }) => run_id)).size).toBe(200);
    expect(enqueue.mock.calls.length).toBeLessThan(10);
  });
});
