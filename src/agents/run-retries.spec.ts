import type { DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { ComponentError } from '../errors';
import { RunEnding, RunStore } from '.';
import { ActiveRuns } from './active-runs';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';

const TOLD_MS = 150;

/** A provider that says when to come back, once. */
@Agent({ name: 'limited', description: 'is told to wait' })
class LimitedAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    if (ctx.attempt === 1) throw ComponentError.dependencies('PROVIDER_UNAVAILABLE', { retryAfterMs: TOLD_MS });
    yield 'well again';
  }
}

/** Fails for good in mid-answer; another answers. */
@Agent({ name: 'frail', description: 'falls back', maxAttempts: 2, fallback: 'second' })
class FrailAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield 'half an ans';
    throw ctx.message === 'refused'
      ? ComponentError.dependencies('PROVIDER_REJECTED')
      : ComponentError.agentSupervisor('AGENT_PROVIDER_FAILED');
  }
}

@Agent({ name: 'second', description: 'answers instead', maxAttempts: 2, fallback: 'frail' })
class SecondAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    if (ctx.message === 'all fail') throw new Error('no better');
    yield 'the whole answer';
  }
}

/** Pays for every attempt, and for a step of which it is known that it is done once. */
@Agent({ name: 'paying', description: 'uses a model', maxAttempts: 3 })
class PayingAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield { type: 'usage', usage: { input_tokens: 10, output_tokens: 1, cost: 0.5 } };
    await ctx.step('once', () => 'done');
    if (ctx.attempt < 3 || ctx.message === 'in vain') throw ComponentError.agentSupervisor('AGENT_PROVIDER_FAILED');
    yield 'at last';
  }
}

const AGENTS = [PayingAgent, LimitedAgent, FrailAgent, SecondAgent];

describe('an attempt that fails', () => {
  let database: TestDatabase;
  const engines: Engine[] = [];

  const start = async (env: Record<string, string> = {}) => {
    const engine = await Engine.start(database.url, { env, agents: AGENTS });
    engines.push(engine);
    return engine;
  };

  const send = (engine: Engine, agent: string, content = 'hello') =>
    engine.intake.accept('ann', { client_message_id: agent, content, agent });

  const of = async <T extends DurableEvent['type']>(engine: Engine, type: T) =>
    (await engine.events('ann')).filter((event) => event.type === type) as DurableEvent<T>[];

  const typesAndAttempts = async (engine: Engine) =>
    (await engine.events('ann')).slice(2).map(({ type, attempt }) => `${type} ${attempt}`);

  /** The run's status once it is what is waited for. */
  const becomes = async (engine: Engine, runId: string, status: string) => {
    while ((await engine.app.get(RunStore).view('ann', runId))?.status !== status)
      await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it.each([
    ['hello', 'agent_completed'],
    ['in vain', 'agent_failed'],
  ])('costs what it has used, whatever comes after it: %s', async (content, type) => {
    const engine = await start();
    const { run_id } = await send(engine, 'paying', content);
    const end = await engine.ended('ann', run_id);
    const usage = { input_tokens: 30, output_tokens: 3, cost: 1.5 };
    expect(end).toMatchObject({ type, attempt: 3, ...(type === 'agent_completed' ? { data: { usage } } : {}) });
    expect(await engine.database.query('SELECT usage FROM runs')).toEqual([{ usage }]);
  });

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop();
    await database.drop();
  });

  it.each(['throw', 'provider', 'tool'])(
    'by %s in mid-stream is repeated, visibly, and ends in the exact text',
    async (kind) => {
      const engine = await start();
      const fail = { kind, at_token: 5, on_attempts: [1, 2] };
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 10, per_second: 0, fail });
      expect(await engine.ended('ann', run_id)).toMatchObject({
        type: 'agent_completed',
        attempt: 3,
        data: { content: drillWords(10) },
      });
      const retries = await of(engine, 'agent_retrying');
      expect(retries).toMatchObject([
        { attempt: 2, data: { agent: 'drill', max_attempts: 3, keep_index: 0, error: { code: 1008, run_id } } },
        { attempt: 3, data: { agent: 'drill', max_attempts: 3, keep_index: 0 } },
      ]);
      expect(await of(engine, 'agent_started')).toHaveLength(1);
      expect(await engine.database.query('SELECT 1 FROM run_text')).toEqual([]);
    },
  );

  it('is not repeated where a repetition cannot help', async () => {
    const engine = await start();
    const { run_id } = await send(engine, 'drill', 'no request');
    expect(await engine.ended('ann', run_id)).toMatchObject({
      attempt: 1,
      data: { error: { reason: 'DRILL_REQUEST_INVALID' } },
    });
  });

  it('is repeated no more often than the agent may, and the last record tells the whole chain', async () => {
    const engine = await start();
    const { run_id } = await engine.drill('ann', 'm1', {
      tokens: 5,
      per_second: 0,
      fail: { kind: 'provider', at_token: 3 },
    });
    const end = (await engine.ended('ann', run_id)) as DurableEvent<'agent_failed'>;
    expect(end).toMatchObject({ type: 'agent_failed', attempt: 3, data: { content: drillWords(3) } });
    const retries = await of(engine, 'agent_retrying');
    const earlier = retries.map(({ attempt, data }) => ({
      attempt: (attempt ?? 0) - 1,
      agent: 'drill',
      reason: 'AGENT_PROVIDER_FAILED',
      support_code: data.error.support_code,
    }));
    const [record] = await engine.database.query<{ private_details: object }>(
      'SELECT private_details FROM error_records WHERE support_code = $1',
      [end.data.error.support_code],
    );
    expect(record?.private_details).toMatchObject({ not_repeated: 'attempts_used_up', earlier });
    expect(await engine.database.query('SELECT failures FROM runs')).toEqual([{ failures: earlier }]);
  });

  it('waits as long as a provider asks for', async () => {
    const engine = await start({ RUN_RETRY_MAX_DELAY_MS: '60000', RUN_RETRY_DELAY_MS: '10' });
    const { run_id } = await send(engine, 'limited');
    expect(await engine.ended('ann', run_id)).toMatchObject({
      type: 'agent_completed',
      data: { content: 'well again' },
    });
    const [retry] = await of(engine, 'agent_retrying');
    expect(retry?.data.delay_ms).toBeGreaterThan(TOLD_MS);
    expect(retry?.data.delay_ms).toBeLessThan(TOLD_MS + 20);
  });

  it('fails at once where the retry budget of the process is spent', async () => {
    const engine = await start({ RUN_RETRY_BUDGET_PERCENT: '0' });
    const { run_id } = await engine.drill('ann', 'm1', { fail: { kind: 'provider' } });
    expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_failed', attempt: 1 });
  });

  describe('and waits for the next one', () => {
    const LATER = { RUN_RETRY_MAX_DELAY_MS: '700', RUN_RETRY_DELAY_MS: '700' };
    const FAIL_ONCE = { tokens: 4, per_second: 0, fail: { kind: 'provider', at_token: 2, on_attempts: [1] } };

    it('holds no worker meanwhile', async () => {
      const engine = await start(LATER);
      const { run_id } = await engine.drill('ann', 'm1', FAIL_ONCE);
      await becomes(engine, run_id, 'waiting');
      await engine.app.get(ActiveRuns).whenIdle();
      expect(await engine.app.get(RunStore).view('ann', run_id)).toMatchObject({
        status: 'waiting',
        attempt: 2,
        text: '',
      });
      expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_completed', attempt: 2 });
    });

    it('goes on in another process when this one ends', async () => {
      const [dying, living] = [await start(LATER), await start(LATER)];
      const { run_id } = await dying.drill('ann', 'm1', FAIL_ONCE);
      await becomes(dying, run_id, 'waiting');
      await engines.splice(engines.indexOf(dying), 1)[0]?.stop();
      expect(await living.ended('ann', run_id)).toMatchObject({
        type: 'agent_completed',
        attempt: 2,
        data: { content: drillWords(4) },
      });
      expect(await typesAndAttempts(living)).toEqual(['agent_started 1', 'agent_retrying 2', 'agent_completed 2']);
    });

    it('can be cancelled, and does not begin any more', async () => {
      const engine = await start(LATER);
      const { run_id } = await engine.drill('ann', 'm1', FAIL_ONCE);
      await becomes(engine, run_id, 'waiting');
      expect(await engine.app.get(RunEnding).cancel('ann', run_id)).toMatchObject({ status: 'cancelled' });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await typesAndAttempts(engine)).toEqual(['agent_started 1', 'agent_retrying 2', 'agent_cancelled 2']);
    });
  });

  describe('for good', () => {
    it('is followed by the fallback agent, whose answer begins anew', async () => {
      const engine = await start();
      const { run_id } = await send(engine, 'frail');
      expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: 'the whole answer' } });
      expect(await typesAndAttempts(engine)).toEqual([
        'agent_started 1',
        'agent_retrying 2',
        'agent_fallback 3',
        'agent_completed 3',
      ]);
      expect(await of(engine, 'agent_fallback')).toMatchObject([
        { data: { from: 'frail', to: 'second', keep_index: 0, error: { reason: 'AGENT_PROVIDER_FAILED' } } },
      ]);
      expect(await engine.app.get(RunStore).view('ann', run_id)).toMatchObject({ agent: 'second' });
    });

    it('is followed by the fallback agent at once where a repetition cannot help', async () => {
      const engine = await start();
      const { run_id } = await send(engine, 'frail', 'refused');
      await engine.ended('ann', run_id);
      expect(await typesAndAttempts(engine)).toEqual(['agent_started 1', 'agent_fallback 2', 'agent_completed 2']);
    });

    it('fails the run when the fallback agent fails too, which asks none that has failed before', async () => {
      const engine = await start();
      const { run_id } = await send(engine, 'frail', 'all fail');
      const end = await engine.ended('ann', run_id);
      expect(end).toMatchObject({ type: 'agent_failed', attempt: 4, data: { error: { reason: 'AGENT_FAILED' } } });
      const [run] = await engine.database.query<{ failures: { agent: string }[] }>('SELECT failures FROM runs');
      expect(run?.failures.map(({ agent }) => agent)).toEqual(['frail', 'frail', 'second']);
    });

    it('is followed by the configured agent where the agent names none', async () => {
      const engine = await start({ FALLBACK_AGENT: 'second', RUN_MAX_ATTEMPTS: '1' });
      const { run_id } = await engine.drill('ann', 'm1', { fail: { kind: 'provider' } });
      expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: 'the whole answer' } });
    });

    it('is never followed by an agent that nobody knows: the start is refused', async () => {
      await expect(start({ FALLBACK_AGENT: 'nobody' })).rejects.toMatchObject({
        details: { problems: [{ name: 'FALLBACK_AGENT', found: 'nobody' }] },
      });
    });
  });
});
