import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { RunExecutor, RunRetry, Workers } from '../../src/agents';
import { Reconciler } from '../../src/agents/reconciler.service';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { drillWords } from '../support/chat-client';
import { Engine } from '../support/engine';
import { TcpProxy } from '../support/tcp-proxy';

const typesOf = (events: readonly DurableEvent[]) => events.map(({ type }) => type);
const terminalsOf = (events: readonly DurableEvent[], runId: string) =>
  events.filter(({ run_id, type }) => run_id === runId && TERMINAL_EVENTS.has(type));

describe('the engine', () => {
  let database: TestDatabase;
  let engine: Engine;
  const engines: Engine[] = [];

  const another = async (env: Record<string, string> = {}, url = database.url) => {
    const started = await Engine.start(url, { env: { WORKER_DEAD_AFTER_MS: '1000', ...env } });
    engines.push(started);
    return started;
  };

  beforeEach(async () => {
    database = await createTestDatabase();
    engine = await another();
  });

  afterEach(async () => {
    for (const started of engines.splice(0)) await started.stop();
    await database.drop();
  });

  describe('accepting a message', () => {
    it('commits message, run and events together, and runs to one end with the exact text', async () => {
      const { run_id, thread_id, message_id, duplicate } = await engine.drill('ann', 'm1', {
        tokens: 30,
        per_second: 0,
      });
      expect(duplicate).toBe(false);
      const end = await engine.ended('ann', run_id);
      expect(end).toMatchObject({ type: 'agent_completed', data: { content: drillWords(30) } });
      const events = await engine.events('ann');
      expect(typesOf(events)).toEqual(['message_created', 'run_queued', 'agent_started', 'agent_completed']);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
      expect(events[0]).toMatchObject({ thread_id, run_id, data: { message_id, client_message_id: 'm1' } });
    });

    it('gives one run and the same answer to twenty copies that race', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => engine.drill('ann', 'm1', { tokens: 1 })));
      expect(new Set(answers.map(({ run_id }) => run_id)).size).toBe(1);
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      await engine.ended('ann', answers[0]?.run_id ?? '');
      const threads = await engine.database.query('SELECT id FROM threads');
      expect(threads).toHaveLength(1);
    });

    it('refuses the same id with other content, and lets another user have the id', async () => {
      await engine.drill('ann', 'm1', { tokens: 1 });
      await expect(engine.drill('ann', 'm1', { tokens: 2 })).rejects.toMatchObject({ reason: 'MESSAGE_ID_REUSED' });
      expect((await engine.drill('bob', 'm1', { tokens: 2 })).duplicate).toBe(false);
    });

    it('answers for a foreign thread as for a missing one', async () => {
      const { thread_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      const missing = '01940000-0000-7000-8000-000000000000';
      for (const id of [thread_id, missing]) {
        await expect(engine.drill('bob', 'm2', { tokens: 1 }, { thread_id: id })).rejects.toMatchObject({
          reason: 'THREAD_NOT_FOUND',
        });
      }
    });

    it('leaves nothing behind when it is refused', async () => {
      await expect(
        engine.intake.accept('ann', { client_message_id: 'm', content: 'x', agent: 'nobody' }),
      ).rejects.toMatchObject({
        reason: 'AGENT_UNKNOWN',
      });
      expect(await engine.events('ann')).toEqual([]);
      expect(await engine.database.query('SELECT id FROM threads')).toEqual([]);
    });
  });

  describe('runs of one thread', () => {
    const hang = { tokens: 5, per_second: 0, fail: { kind: 'hang', at_token: 3 } };

    it('go one at a time, in the order of their messages', async () => {
      const first = await engine.drill('ann', 'm1', { tokens: 20, per_second: 200 });
      const rest = [];
      for (const id of ['m2', 'm3'])
        rest.push(await engine.drill('ann', id, { tokens: 3 }, { thread_id: first.thread_id }));
      await engine.ended('ann', rest[1]?.run_id ?? '');
      const events = await engine.events('ann');
      const order = events
        .filter(({ type }) => type === 'agent_started' || type === 'agent_completed')
        .map(({ run_id }) => run_id);
      expect(order).toEqual([first, ...rest].flatMap(({ run_id }) => [run_id, run_id]));
      expect(events.filter(({ type }) => type === 'run_queued').map(({ data }) => data)).toMatchObject([
        { position: 0 },
        { position: 1 },
        { position: 2 },
      ]);
    });

    it('are refused with `reject`, and cancelled with `interrupt` in the transaction that accepts the next', async () => {
      const first = await engine.drill('ann', 'm1', hang);
      const more = { thread_id: first.thread_id };
      await expect(engine.drill('ann', 'm2', hang, { ...more, overlap: 'reject' })).rejects.toMatchObject({
        reason: 'RUN_CONFLICT',
      });
      const second = await engine.drill('ann', 'm3', { tokens: 2 }, { ...more, overlap: 'interrupt' });
      await engine.ended('ann', second.run_id);
      const events = await engine.events('ann');
      expect(terminalsOf(events, first.run_id)).toMatchObject([{ type: 'agent_cancelled', data: { by: 'interrupt' } }]);
      const cancelled = events.findIndex(({ type }) => type === 'agent_cancelled');
      expect(events[cancelled + 1]).toMatchObject({ type: 'message_created', run_id: second.run_id });
    });

    it('are limited in number, runs that are asked for again included', async () => {
      const limited = await another({ QUEUED_RUNS_PER_THREAD: '1' });
      const failed = await limited.drill('kay', 'm0', { nonsense: true });
      await limited.ended('kay', failed.run_id);
      await limited.drill('kay', 'm1', hang, { thread_id: failed.thread_id });
      while ((await limited.events('kay')).at(-1)?.type !== 'agent_started')
        await new Promise((resolve) => setTimeout(resolve, 5));
      await limited.drill('kay', 'm2', hang, { thread_id: failed.thread_id });
      await expect(limited.app.get(RunRetry).retry('kay', failed.run_id)).rejects.toMatchObject({
        reason: 'QUEUED_RUNS_LIMIT',
      });
    });

    it('are limited in number', async () => {
      const limited = await another({ QUEUED_RUNS_PER_THREAD: '2' });
      const first = await limited.drill('eve', 'm1', hang);
      const more = { thread_id: first.thread_id };
      let refused: unknown = null;
      for (const id of ['m2', 'm3', 'm4', 'm5']) {
        refused ??= await limited.drill('eve', id, hang, more).then(
          () => null,
          (error: unknown) => error,
        );
      }
      expect(refused).toMatchObject({ reason: 'QUEUED_RUNS_LIMIT' });
    });
  });

  it('dispatches no more runs of one user than the limit, and the next when one ends', async () => {
    const limited = await another({ RUNS_PER_USER: '2' });
    const slow = { tokens: 10, per_second: 100 };
    const runs = [];
    for (const id of ['1', '2', '3', '4']) runs.push(await limited.drill('kim', id, slow));
    await Promise.all(runs.map(({ run_id }) => limited.ended('kim', run_id)));
    let active = 0;
    let most = 0;
    for (const { type } of await limited.events('kim')) {
      if (type === 'agent_started') most = Math.max(most, (active += 1));
      if (type === 'agent_completed') active -= 1;
    }
    expect(most).toBe(2);
  });

  it('tells the user once that a run is delayed when it cannot be enqueued, and runs it when it can', async () => {
    engine.queue.failure = new Error('queue away');
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 2 });
    const notified = async () => (await engine.events('ann')).filter(({ type }) => type === 'notification');
    while ((await notified()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    engine.queue.failure = null;
    await engine.ended('ann', run_id);
    expect(await notified()).toMatchObject([{ run_id, data: { error: { code: 1007, reason: 'RUN_DELAYED' } } }]);
  });

  describe('failing', () => {
    it('ends with the code, a support code, and what had been written', async () => {
      const { run_id } = await engine.drill('ann', 'm1', {
        tokens: 9,
        per_second: 0,
        fail: { kind: 'throw', at_token: 4 },
      });
      const end = await engine.ended('ann', run_id);
      expect(end).toMatchObject({
        type: 'agent_failed',
        data: { content: drillWords(4), error: { code: 1008, reason: 'AGENT_FAILED', root_cause: null } },
      });
    });

    it('names the clock that ran out when an agent hangs', async () => {
      const impatient = await another({ RUN_TOTAL_TIMEOUT_MS: '200' });
      const { run_id } = await impatient.drill('ann', 'm1', { fail: { kind: 'hang', at_token: 2 }, per_second: 0 });
      const end = await impatient.ended('ann', run_id);
      expect(end).toMatchObject({
        type: 'agent_failed',
        data: {
          content: drillWords(2),
          error: { reason: 'AGENT_TIMEOUT', details: { clock: 'total', timeout_ms: 200 } },
        },
      });
    });

    it('shows a failed tool, and fails by it', async () => {
      const once = await another({ RUN_MAX_ATTEMPTS: '1' });
      const { run_id } = await once.drill('ann', 'm1', { tools: 1, fail: { kind: 'tool' } });
      const end = await once.ended('ann', run_id);
      expect(end).toMatchObject({ type: 'agent_failed', data: { error: { code: 1008, reason: 'AGENT_TOOL_FAILED' } } });
      const failed = (await engine.events('ann')).filter(
        ({ type, data }) => type === 'tool_completed' && !(data as { ok: boolean }).ok,
      );
      const { error } = end.data as { error: { support_code: string } };
      expect(failed).toMatchObject([{ data: { error: { support_code: error.support_code } } }]);
    });

    it('is retried on request as one new run, however often it is asked', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { fail: { kind: 'throw' } });
      await engine.ended('ann', run_id);
      const retry = engine.app.get(RunRetry);
      const answers = await Promise.all(Array.from({ length: 5 }, () => retry.retry('ann', run_id)));
      expect(new Set(answers.map((answer) => answer.run_id)).size).toBe(1);
      expect(await engine.ended('ann', answers[0]?.run_id ?? '')).toMatchObject({ type: 'agent_failed' });
    });
  });

  describe('when a worker dies', () => {
    /** Makes the database believe that the worker has been silent for long. */
    const silence = (worker: string) =>
      engine.database.query(`UPDATE workers SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`, [worker]);

    it('another takes its run over from the start, and the dead one writes nothing more', async () => {
      const ghost = await another();
      engine.queue.delivering = false;
      const { run_id } = await ghost.drill('ann', 'm1', { tokens: 200, per_second: 60, think: 1 });
      while ((await ghost.events('ann')).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
      // The ghost's process goes on, but nobody hears its heartbeat.
      const heart: unknown = ghost.app.get(Workers);
      jest.spyOn(heart as { beat(): Promise<void> }, 'beat').mockResolvedValue(undefined);
      await silence(ghost.app.get(Workers).id);
      jest.spyOn(ghost.app.get(Reconciler), 'reconcile').mockResolvedValue(undefined);
      engine.queue.delivering = true;
      const end = await engine.ended('ann', run_id);
      await ghost.queue.idle();
      const events = await engine.events('ann');
      expect(end).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content: drillWords(200) } });
      expect(events.filter(({ type }) => type === 'agent_recovering')).toMatchObject([
        { attempt: 2, data: { keep_index: 0, error: { code: 1008, reason: 'WORKER_LOST' } } },
      ]);
      expect(terminalsOf(events, run_id)).toHaveLength(1);
      expect(events.at(-1)?.type).toBe('agent_completed');
    });

    it('a run that has used up its attempts fails', async () => {
      engine.queue.delivering = false;
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      await engine.database.query(
        `UPDATE runs SET status = 'running', attempt = max_attempts, worker_id = gen_random_uuid(), dispatched_at = now() WHERE id = $1`,
        [run_id],
      );
      const end = await engine.ended('ann', run_id);
      expect(end).toMatchObject({ type: 'agent_failed', data: { error: { reason: 'RUN_ATTEMPTS_EXHAUSTED' } } });
    });

    it('a run leased here that nobody advances is taken up again', async () => {
      engine.queue.delivering = false;
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      await engine.database.query(
        `UPDATE runs SET status = 'running', attempt = 1, worker_id = $2, dispatched_at = now() WHERE id = $1`,
        [run_id, engine.app.get(Workers).id],
      );
      engine.queue.delivering = true;
      expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_completed', attempt: 2 });
    });
  });

  it('fails a run that nobody took in time', async () => {
    const impatient = await another({ RUN_QUEUE_TIMEOUT_MS: '1000' });
    for (const { queue } of [engine, impatient]) queue.delivering = false;
    const { run_id } = await impatient.drill('ann', 'm1', { tokens: 1 });
    expect(await impatient.ended('ann', run_id)).toMatchObject({
      type: 'agent_failed',
      data: { error: { reason: 'RUN_QUEUE_TIMEOUT' } },
    });
  });

  it('tells the user once that no worker takes a run, which stays queued with its place and runs later', async () => {
    const waiting = await another({ RUN_NO_WORKER_NOTICE_MS: '1000' });
    for (const { queue } of [engine, waiting]) {
      queue.delivering = false;
      jest
        .spyOn(queue, 'pending')
        .mockImplementation(((all: { run_id: string }[]) =>
          Promise.resolve(new Set(all.map(({ run_id }) => run_id)))) as never);
    }
    await waiting.drill('bob', 'm1', { tokens: 1 });
    const { run_id } = await waiting.drill('ann', 'm1', { tokens: 1 });
    const notified = async () => (await engine.events('ann')).filter(({ type }) => type === 'notification');
    while ((await notified()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await waiting.app.get(Reconciler).reconcile();
    expect(await notified()).toMatchObject([
      {
        run_id,
        data: { error: { code: 1008, reason: 'NO_WORKER_AVAILABLE', details: { position: 1, waited_ms: 1_000 } } },
      },
    ]);
    expect(await engine.database.query('SELECT status FROM runs WHERE id = $1', [run_id])).toEqual([
      { status: 'queued' },
    ]);
    await waiting.app.get(RunExecutor).execute(run_id);
    expect(await waiting.ended('ann', run_id)).toMatchObject({ type: 'agent_completed' });
  });

  it('does nothing for a wake-up that comes twice or late', async () => {
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 10, per_second: 200 });
    const executor = engine.app.get(RunExecutor);
    await Promise.all([executor.execute(run_id), executor.execute(run_id)]);
    await engine.ended('ann', run_id);
    await executor.execute(run_id);
    expect((await engine.events('ann')).filter(({ type }) => type === 'agent_started')).toHaveLength(1);
  });

  it('finishes a run with the exact text though the database went away in its middle', async () => {
    const proxy = await TcpProxy.before(database.url);
    const proxied = await another({}, proxy.through(database.url));
    engine.queue.delivering = false;
    const { run_id } = await proxied.drill('ann', 'm1', { tokens: 60, per_second: 60, think: 2, tools: 2 });
    while ((await engine.events('ann')).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    proxy.refuse();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const returned = new Promise<void>((resolve) => proxied.database.onReady(resolve));
    proxy.heal();
    await returned;
    const end = await proxied.ended('ann', run_id);
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 1, data: { content: drillWords(60) } });
    const events = await engine.events('ann');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(terminalsOf(events, run_id)).toHaveLength(1);
    expect(typesOf(events).filter((type) => type === 'tool_completed')).toHaveLength(2);
    await proxy.close();
  });

  it('hands a run over when it has to stop, and the next process finishes it', async () => {
    const leaving = await another();
    engine.queue.delivering = false;
    const { run_id } = await leaving.drill('ann', 'm1', { tokens: 30, per_second: 30 });
    while ((await engine.events('ann')).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    leaving.queue.delivering = false;
    engine.queue.delivering = true;
    await leaving.stop();
    engines.splice(engines.indexOf(leaving), 1);
    const end = await engine.ended('ann', run_id);
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content: drillWords(30) } });
  });
});
