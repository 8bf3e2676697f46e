import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { RunEnding, RunExecutor } from '../../src/agents';
import { drillWords } from '../support/chat-client';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { Engine } from '../support/engine';

const terminalsOf = (events: readonly DurableEvent[], runId: string) =>
  events.filter(({ run_id, type }) => run_id === runId && TERMINAL_EVENTS.has(type));

describe('cancelling', () => {
  let database: TestDatabase;
  let engine: Engine;

  beforeEach(async () => {
    database = await createTestDatabase();
    engine = await Engine.start(database.url);
  });

  afterEach(async () => {
    await engine.stop();
    await database.drop();
  });

  it('ends a running run at once, keeps what was written, and is the same when repeated', async () => {
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1000, per_second: 200 });
    const ending = engine.app.get(RunEnding);
    while ((await engine.events('ann')).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await ending.cancel('ann', run_id)).toEqual({ run_id, status: 'cancelled' });
    expect(await ending.cancel('ann', run_id)).toEqual({ run_id, status: 'cancelled' });
    await engine.queue.idle();
    const ends = terminalsOf(await engine.events('ann'), run_id);
    expect(ends).toMatchObject([{ type: 'agent_cancelled', data: { by: 'user' } }]);
    const { content } = ends[0]?.data as { content: string };
    expect(content.length).toBeGreaterThan(0);
    expect(drillWords(1000).startsWith(content)).toBe(true);
  });

  it.each([
    ['in a tool', { tools: 1, fail: { kind: 'hang', phase: 'tool' } }, 'tool_executing'],
    ['while its agent hangs', { think: 1, fail: { kind: 'hang' } }, 'agent_thinking'],
  ])('ends a run %s, whose agent is told', async (_where, request, reached) => {
    const { run_id } = await engine.drill('ann', 'm1', request);
    while ((await engine.events('ann')).at(-1)?.type !== reached)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await engine.app.get(RunEnding).cancel('ann', run_id);
    await engine.queue.idle();
    expect((await engine.events('ann')).at(-1)).toMatchObject({ type: 'agent_cancelled', data: { by: 'user' } });
  });

  it('ends a run that waits for its turn, which never begins', async () => {
    engine.queue.delivering = false;
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    await engine.app.get(RunEnding).cancel('ann', run_id);
    await engine.app.get(RunExecutor).execute(run_id);
    expect((await engine.events('ann')).map(({ type }) => type)).toEqual([
      'message_created',
      'run_queued',
      'agent_cancelled',
    ]);
  });

  it('is one terminal event when it races a failure, its repetition or its end', async () => {
    const ending = engine.app.get(RunEnding);
    const fail = { kind: 'provider', at_token: 1 };
    for (let round = 0; round < 15; round += 1) {
      const { run_id } = await engine.drill('ann', `f${round}`, { tokens: 2, per_second: 0, fail });
      await new Promise((resolve) => setTimeout(resolve, round * 5));
      await Promise.all([engine.ended('ann', run_id), ending.cancel('ann', run_id)]);
      await engine.queue.idle();
      const own = (await engine.events('ann')).filter((event) => event.run_id === run_id);
      expect(terminalsOf(own, run_id)).toEqual([own.at(-1)]);
    }
  });

  it('is one terminal event when it races completion', async () => {
    const ending = engine.app.get(RunEnding);
    for (let round = 0; round < 15; round += 1) {
      const { run_id } = await engine.drill('ann', `r${round}`, { tokens: 3, per_second: 0 });
      await Promise.all([
        engine.ended('ann', run_id),
        new Promise((resolve) => setTimeout(resolve, round)).then(() => ending.cancel('ann', run_id)),
      ]);
      await engine.queue.idle();
      expect(terminalsOf(await engine.events('ann'), run_id)).toHaveLength(1);
    }
  });

  it('answers for a foreign run as for a missing one', async () => {
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    await expect(engine.app.get(RunEnding).cancel('bob', run_id)).rejects.toMatchObject({ reason: 'RUN_NOT_FOUND' });
  });
});
