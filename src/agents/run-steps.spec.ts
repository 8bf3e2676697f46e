import type { DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { ComponentError } from '../errors';
import { RunQuestions, RunStore, ThreadDeletion } from '.';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';

/** How often each piece of work was done, by its name. */
let done: string[] = [];
const work = (name: string) => () => {
  done.push(name);
  return { name, at: done.length };
};
const AWAY = ComponentError.dependencies('PROVIDER_UNAVAILABLE');
const forever = () => new Promise<never>(() => undefined);

/** Text and steps by turns; fails in the middle of its first attempt. Its text is another one each time. */
@Agent({ name: 'steady', description: 'continues', continues: true, toolTimeoutMs: 100 })
class SteadyAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield ctx.thinking('First.');
    yield `one-${ctx.attempt} `;
    const first = await ctx.step('first', work('first'));
    yield `${JSON.stringify(first)} `;
    const second = yield* ctx.tool('second', { of: 'two' }, work('second'), { idempotent: true });
    yield `two-${ctx.attempt} `;
    if (ctx.attempt === 1) throw AWAY;
    if (ctx.message === 'again' && ctx.attempt === 2) throw AWAY;
    const [left, right] = await Promise.all([ctx.step('left', work('left')), ctx.step('right', work('right'))]);
    yield [second, left, right].map(({ name }) => name).join(' ');
  }
}

/** Asks for other steps on its second attempt. */
@Agent({ name: 'fickle', description: 'diverges', continues: true })
class FickleAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield 'text';
    await ctx.step(`only-${ctx.attempt}`, work('only'));
    if (ctx.attempt === 1) throw AWAY;
  }
}

@Agent({ name: 'anew', description: 'does not continue', toolTimeoutMs: 100 })
class AnewAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield `attempt ${ctx.attempt}`;
    switch (ctx.message) {
      case 'tool':
        for (let call = 0; call < 2; call += 1) yield* ctx.tool('same', { call: 'same' }, work('same'));
        if (ctx.attempt === 1) throw AWAY;
        break;
      case 'hangs':
        await ctx.step('charge', forever);
        break;
      case 'hangs idempotently':
        if (ctx.attempt === 1) await ctx.step('read', forever, { idempotent: true });
        else yield (await ctx.step('read', work('read'), { idempotent: true })).name;
        break;
      case 'fails':
        await ctx.step('charge', ctx.attempt === 1 ? () => Promise.reject(AWAY) : work('charge'));
        break;
      case 'retries':
        await ctx.step('flaky', () => (done.push('try') < 3 ? Promise.reject(AWAY) : 'well'), { retry: 2 });
        break;
      case 'large':
        await ctx.step('large', () => 'x'.repeat(300_000));
        break;
      case 'nothing':
        yield String(await ctx.step('undefined', () => undefined));
        yield String(await ctx.step('null', () => null));
    }
  }
}

/** Does in a part of its text what is a step of its own, and fails after it. */
@Agent({ name: 'nesting', description: 'has steps within steps', continues: true })
class NestingAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield* ctx.stream('part', async function* () {
      yield 'one ';
      yield* ctx.tool('within', {}, () => done.push('tool'));
      await ctx.step('within', () => done.push('step'));
      yield 'two ';
    });
    yield `three-${ctx.attempt}`;
    if (ctx.attempt === 1) throw AWAY;
    if (ctx.message === 'once more') yield* ctx.tool('within', {}, () => done.push('after'));
  }
}

describe('a step', () => {
  let database: TestDatabase;
  let engine: Engine;

  beforeEach(async () => {
    done = [];
    database = await createTestDatabase();
    engine = await Engine.start(database.url, { agents: [SteadyAgent, FickleAgent, AnewAgent, NestingAgent] });
  });

  afterEach(async () => {
    await engine.stop();
    await database.drop();
  });

  const run = async (agent: string, content = 'hello') => {
    const sent = await engine.intake.accept('ann', { client_message_id: agent, content, agent });
    return { ...sent, end: await engine.ended('ann', sent.run_id) };
  };

  const of = async <T extends DurableEvent['type']>(type: T) =>
    (await engine.events('ann')).filter((event) => event.type === type) as DurableEvent<T>[];

  const KEPT = 'one-1 {"name":"first","at":1} ';

  it('is done once, and the answer goes on after the last one, in the words that it had', async () => {
    const { end } = await run('steady');
    expect(end).toMatchObject({ type: 'agent_completed', data: { content: `${KEPT}two-2 second left right` } });
    expect(done.sort()).toEqual(['first', 'left', 'right', 'second']);
    expect(await of('agent_retrying')).toMatchObject([{ attempt: 2, data: { keep_index: KEPT.length } }]);
    expect(await of('agent_thinking')).toHaveLength(1);
    expect(await of('tool_executing')).toHaveLength(1);
  });

  it('keeps the answer over several attempts', async () => {
    const { end } = await run('steady', 'again');
    expect(end).toMatchObject({ attempt: 3, data: { content: `${KEPT}two-3 second left right` } });
    expect((await of('agent_retrying')).map(({ data }) => data.keep_index)).toEqual([KEPT.length, KEPT.length]);
    expect(done).toHaveLength(4);
  });

  it('that the agent does not ask for again fails the run rather than tearing its text', async () => {
    const { end } = await run('fickle');
    expect(end).toMatchObject({ data: { content: 'text', error: { reason: 'AGENT_REPLAY_DIVERGED', code: 1008 } } });
  });

  it('within a part of the text that is finished is not asked for again, and the answer goes on after the part', async () => {
    const { end } = await run('nesting');
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content: 'one two three-2' } });
    expect(done).toEqual(['tool', 'step']);
    expect(await of('agent_retrying')).toMatchObject([{ data: { keep_index: 'one two '.length } }]);
  });

  it('is another one than the same call within a part that is finished', async () => {
    const { end } = await run('nesting', 'once more');
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content: 'one two three-2' } });
    expect(done).toEqual(['tool', 'step', 'after']);
  });

  it('is not done again either where the answer begins anew', async () => {
    const { end } = await run('anew', 'tool');
    expect(end).toMatchObject({ attempt: 2, data: { content: 'attempt 2' } });
    expect(done).toEqual(['same', 'same']);
    expect(await of('agent_retrying')).toMatchObject([{ data: { keep_index: 0 } }]);
  });

  it('that may have been done is not done again: the run fails and says so', async () => {
    const { end } = await run('anew', 'hangs');
    const error = { reason: 'STEP_OUTCOME_UNKNOWN', code: 1008, retryable: false, details: { step: 'step:charge' } };
    expect(end).toMatchObject({ type: 'agent_failed', attempt: 2, data: { error } });
    expect(await of('agent_retrying')).toMatchObject([{ data: { error: { reason: 'TOOL_TIMEOUT' } } }]);
  });

  it('that is idempotent, or has failed, is done again', async () => {
    expect((await run('anew', 'hangs idempotently')).end).toMatchObject({ data: { content: 'attempt 2read' } });
  });

  it('that has failed is done again', async () => {
    expect((await run('anew', 'fails')).end).toMatchObject({ type: 'agent_completed', attempt: 2 });
    expect(done).toEqual(['charge']);
  });

  it('is tried again within its attempt as often as asked for', async () => {
    expect((await run('anew', 'retries')).end).toMatchObject({ type: 'agent_completed', attempt: 1 });
    expect(done).toHaveLength(3);
  });

  it('has a bounded result', async () => {
    expect((await run('anew', 'large')).end).toMatchObject({ data: { error: { reason: 'AGENT_OUTPUT_INVALID' } } });
  });

  it('gives back nothing, and null, as they were', async () => {
    expect((await run('anew', 'nothing')).end).toMatchObject({ data: { content: 'attempt 1undefinednull' } });
  });

  it('is forgotten with its thread', async () => {
    const { thread_id } = await run('steady');
    expect(await engine.database.query('SELECT 1 FROM run_steps')).toHaveLength(4);
    await engine.app.get(ThreadDeletion).delete('ann', thread_id);
    expect(await engine.database.query('SELECT 1 FROM run_steps')).toEqual([]);
  });

  describe('of drill', () => {
    it('keeps its words: a later attempt goes on with the next', async () => {
      const fail = { kind: 'provider', at_token: 7, on_attempts: [1, 2] };
      const request = { tokens: 10, per_second: 0, words_per_step: 3, think: 1, tools: 1, fail };
      const { run_id } = await engine.drill('ann', 'm1', request);
      const kept = drillWords(6).length;
      expect(await engine.ended('ann', run_id)).toMatchObject({ attempt: 3, data: { content: drillWords(10) } });
      expect((await of('agent_retrying')).map(({ data }) => data.keep_index)).toEqual([kept, kept]);
      expect(await of('tool_completed')).toHaveLength(1);
    });

    it('asks no question again that was answered in words which are kept', async () => {
      const ask = { prompt: 'Go on?', at_token: 4 };
      const fail = { kind: 'provider', at_token: 10, on_attempts: [1] };
      const request = { tokens: 12, per_second: 0, words_per_step: 3, ask, fail };
      const { run_id } = await engine.drill('ann', 'm1', request);
      while ((await of('input_required')).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      const { input_id } = (await of('input_required'))[0]!.data;
      await engine.app.get(RunQuestions).submit('ann', { run_id, input_id, value: 'yes' });
      expect(await engine.ended('ann', run_id)).toMatchObject({ attempt: 2, data: { content: drillWords(12) } });
      expect(await of('input_required')).toHaveLength(1);
    });

    it('shows what is kept while the next attempt waits', async () => {
      await engine.stop();
      const env = { RUN_RETRY_MAX_DELAY_MS: '400', RUN_RETRY_DELAY_MS: '400' };
      engine = await Engine.start(database.url, { env });
      const fail = { kind: 'provider', at_token: 7, on_attempts: [1] };
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 10, per_second: 0, words_per_step: 3, fail });
      const view = () => engine.app.get(RunStore).view('ann', run_id);
      while ((await view())?.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await view()).toMatchObject({ text: drillWords(6), index: drillWords(6).length, attempt: 2 });
      expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: drillWords(10) } });
    });

    it.each([
      ['think', 'throw', 'AGENT_FAILED'],
      ['think', 'provider', 'AGENT_PROVIDER_FAILED'],
      ['tool', 'throw', 'AGENT_TOOL_FAILED'],
      ['tool', 'provider', 'AGENT_TOOL_FAILED'],
      ['text', 'tool', 'AGENT_TOOL_FAILED'],
    ])('fails in phase %s by %s', async (phase, kind, reason) => {
      const request = { tokens: 2, per_second: 0, think: 1, tools: 1, fail: { phase, kind, on_attempts: [1] } };
      const { run_id } = await engine.drill('ann', 'm1', request);
      expect(await engine.ended('ann', run_id)).toMatchObject({ attempt: 2, data: { content: drillWords(2) } });
      expect(await of('agent_retrying')).toMatchObject([{ data: { error: { reason } } }]);
    });
  });
});
