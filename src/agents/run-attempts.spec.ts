import { setImmediate as turn } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { UserBus } from '../mailbox';
import { RunEnding } from '.';
import { Agent, type AgentContext, type AgentOutput, type AgentRunner, type AgentStream } from './agent';

/** Writes for ever, and never waits for anything. */
@Agent({ name: 'flood', description: 'floods' })
class FloodAgent implements AgentRunner {
  async *run(): AgentStream {
    for (;;) yield 'x';
  }
}

/** Likewise, and much. */
@Agent({ name: 'large', description: 'writes large pieces for ever' })
class LargeAgent implements AgentRunner {
  async *run(): AgentStream {
    for (;;) yield 'y'.repeat(100_000);
  }
}

/** Yields what an agent written without the helpers may: text that PostgreSQL refuses. */
@Agent({ name: 'dirty', description: 'yields unsafe text' })
class DirtyAgent implements AgentRunner {
  async *run(): AgentStream {
    yield { type: 'thinking', text: 'a\0b\uD800' };
    yield { type: 'tool_executing', tool_call_id: '1', tool: 't\0', arguments: { '\0': ['\uDC00'] } };
    yield { type: 'tool_completed', tool_call_id: '1', tool: 't', ok: true, summary: '\0', duration_ms: 1 };
    yield 'fine\0';
  }
}

@Agent({ name: 'broken', description: 'is no agent' })
class BrokenAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    if (ctx.message === 'nothing') yield undefined as unknown as AgentOutput;
    if (ctx.message === 'type') yield { type: 'no such type' } as unknown as AgentOutput;
    throw new Error(`\0 ${'\uD800'}`);
  }
}

/** Says who was heard before. */
@Agent({ name: 'parrot', description: 'repeats the thread' })
class ParrotAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    const heard = await ctx.history(4);
    yield [...heard.map(({ role, content }) => `${role}:${content}`), `user:${ctx.message}`]
      .join('|')
      .replaceAll('user:', '>');
  }
}

const AGENTS = [FloodAgent, LargeAgent, DirtyAgent, BrokenAgent, ParrotAgent];

describe('an attempt', () => {
  let test: TestDatabase;
  let engine: Engine;
  let sent = 0;

  beforeEach(async () => {
    test = await createTestDatabase();
    engine = await Engine.start(test.url, { agents: AGENTS });
  });

  afterEach(async () => {
    await engine.stop();
    await test.drop();
  });

  const send = (agent: string, content = 'hello', more: object = {}) =>
    engine.intake.accept('ann', { client_message_id: `m${(sent += 1)}`, content, agent, ...more });

  const firstDelta = () =>
    new Promise<void>((resolve) => {
      const subscription = engine.app.get(UserBus).subscribe('ann', (signal) => {
        if (signal.kind !== 'delta') return;
        subscription.end();
        resolve();
      });
    });

  it('that never waits leaves room for everything else, and is cancelled', async () => {
    const begun = firstDelta();
    const { run_id } = await send('flood');
    await begun;
    for (let turns = 0; turns < 3; turns += 1) await turn();
    expect(await engine.app.get(RunEnding).cancel('ann', run_id)).toMatchObject({ status: 'cancelled' });
    await engine.queue.idle();
    expect((await engine.events('ann')).at(-1)?.type).toBe('agent_cancelled');
  });

  it('that writes without end fails at a limit, with what was written', async () => {
    const { run_id } = await send('large');
    const { type, data } = await engine.ended('ann', run_id);
    expect(type).toBe('agent_failed');
    expect(data).toMatchObject({ error: { reason: 'AGENT_OUTPUT_INVALID' } });
    expect((data as { content: string }).content).toHaveLength(1_000_000);
  });

  it('is made safe for clients and the database, whatever it yields', async () => {
    const { run_id } = await send('dirty');
    expect(await engine.ended('ann', run_id)).toMatchObject({
      type: 'agent_completed',
      data: { content: 'fine\uFFFD' },
    });
    expect((await engine.events('ann')).slice(3, 6).map(({ data }) => data)).toMatchObject([
      { text: 'a\uFFFDb\uFFFD', step: 1 },
      { tool: 't\uFFFD', arguments: { '\uFFFD': ['\uFFFD'] } },
      { summary: '\uFFFD' },
    ]);
  });

  it.each([
    ['nothing', 'AGENT_FAILED'],
    ['type', 'AGENT_OUTPUT_INVALID'],
    ['throw', 'AGENT_FAILED'],
  ])('that yields %s fails by its own fault, on record', async (message, reason) => {
    const { run_id } = await send('broken', message);
    const { type, data } = await engine.ended('ann', run_id);
    expect({ type, reason: (data as { error: { reason: string } }).error.reason }).toEqual({
      type: 'agent_failed',
      reason,
    });
    const { support_code } = (data as { error: { support_code: string } }).error;
    expect(
      await engine.database.query('SELECT 1 FROM error_records WHERE support_code = $1', [support_code]),
    ).toHaveLength(1);
  });

  it('knows the answers that came before it, also those that its message did not wait for', async () => {
    engine.queue.delivering = false;
    const first = await send('parrot', 'a');
    const more = { thread_id: first.thread_id };
    const second = await send('parrot', 'b', more);
    const third = await send('parrot', 'c', more);
    engine.queue.delivering = true;
    await engine.database.query('UPDATE runs SET dispatched_at = NULL');
    expect(await engine.ended('ann', first.run_id)).toMatchObject({ data: { content: '>a' } });
    expect(await engine.ended('ann', second.run_id)).toMatchObject({ data: { content: '>a|assistant:>a|>b' } });
    expect(await engine.ended('ann', third.run_id)).toMatchObject({
      data: { content: '>a|assistant:>a|>b|assistant:>a|assistant:>a|>b|>c' },
    });
  });

  it('ends with its process although the database is away', async () => {
    const proxy = await TcpProxy.before(test.url);
    const leaving = await Engine.start(proxy.through(test.url));
    engine.queue.delivering = false;
    const begun = new Promise<void>((resolve) =>
      leaving.app.get(UserBus).subscribe('bob', (signal) => signal.kind === 'delta' && resolve()),
    );
    const { run_id } = await leaving.drill('bob', 'm1', { tokens: 10, per_second: 100 });
    await begun;
    const down = new Promise((resolve) => leaving.database.onDown(resolve));
    proxy.refuse();
    await down;
    await leaving.stop();
    await proxy.close();
    engine.queue.delivering = true;
    expect(await engine.ended('bob', run_id)).toMatchObject({
      type: 'agent_completed',
      data: { content: drillWords(10) },
    });
  });
});
