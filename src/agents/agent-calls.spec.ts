import type { DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { ComponentError } from '../errors';
import { RunEnding } from '.';
import { Agent, type AgentContext, type AgentRunner, type AgentStream, type CallOptions } from './agent';
import { ReportAgent } from './builtin/report.fixture';
import { untilAborted } from './until';

const AWAY = ComponentError.dependencies('PROVIDER_UNAVAILABLE');
const USAGE = { input_tokens: 2, output_tokens: 1 };

/** What was done outside of the runs, in order. */
let done: string[] = [];
let underWay = 0;
let most = 0;
/** How many hang, or wait for their signal. */
let stuck = 0;

/** Works as its message says. */
@Agent({ name: 'researcher', description: 'finds out' })
class ResearcherAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    done.push(ctx.message);
    underWay += 1;
    most = Math.max(most, underWay);
    try {
      yield* this.work(ctx);
    } finally {
      underWay -= 1;
    }
  }

  private async *work(ctx: AgentContext): AgentStream {
    yield ctx.thinking('Looking.');
    yield { type: 'usage', usage: USAGE };
    const found = yield* ctx.tool('look_up', {}, () => done.push(`tool of ${ctx.message}`) && 'found');
    const part = yield* ctx.stream('part', async function* () {
      done.push(`part of ${ctx.message}`);
      yield `${found} `;
      return Promise.resolve('some ');
    });
    if (ctx.message.includes('fails') && !(ctx.message.includes('once') && ctx.attempt > 1)) throw AWAY;
    if (ctx.message.includes('asks')) yield (yield* ctx.run('critic', 'of the researcher')).text;
    // Deaf to its signal.
    if (ctx.message.includes('hangs') && ctx.attempt === 1) {
      stuck += 1;
      await new Promise<never>(() => undefined);
    }
    if (ctx.message.includes('waits')) {
      stuck += 1;
      await untilAborted(ctx.signal, () => new Promise<never>(() => undefined));
    }
    while (ctx.message.includes('floods')) yield 'x'.repeat(1_000);
    yield part;
    yield ctx.message;
  }
}

@Agent({ name: 'critic', description: 'doubts' })
class CriticAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    done.push(`critic ${ctx.message}`);
    yield ctx.thinking('Hm.');
    await ctx.step('doubt', () => true);
    if (ctx.message.includes('once') && ctx.attempt === 1) throw AWAY;
    yield 'doubt ';
  }
}

@Agent({ name: 'narcissus', description: 'calls itself' })
class NarcissusAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield (yield* ctx.run('narcissus', 'again')).text;
  }
}

interface Order {
  calls: { message: string; agent?: string; options?: CallOptions }[];
  limit?: number;
  /** Attempts that fail when all is done. */
  failOn?: number[];
}

/** Makes the calls that its message says, and writes what came of them. */
@Agent({ name: 'lead', description: 'lets others work', continues: true, maxAttempts: 3 })
class LeadAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    const { calls, limit, failOn = [] } = JSON.parse(ctx.message) as Order;
    yield 'Lead: ';
    const all = calls.map(({ message, agent = 'researcher', options }) => ctx.run(agent, message, options));
    const results = yield* ctx.all(all, { limit });
    yield results
      .map(({ agent, text, failure }) => `[${agent}: ${text}${failure ? ` (${failure.reason})` : ''}]`)
      .join('');
    if (failOn.includes(ctx.attempt)) throw AWAY;
  }
}

describe('an agent that calls agents', () => {
  let database: TestDatabase;
  const engines: Engine[] = [];
  let engine: Engine;
  let sent = 0;

  const start = async (env: Record<string, string> = {}) => {
    const agents = [ResearcherAgent, CriticAgent, NarcissusAgent, LeadAgent, ReportAgent];
    const started = await Engine.start(database.url, { agents, env: { WORKER_DEAD_AFTER_MS: '1000', ...env } });
    engines.push(started);
    return started;
  };

  beforeEach(async () => {
    [done, underWay, most, stuck] = [[], 0, 0, 0];
    database = await createTestDatabase();
    engine = await start();
  });

  afterEach(async () => {
    for (const each of engines.splice(0)) await each.stop();
    await database.drop();
  });

  const send = (order: Order | string, agent = 'lead') => {
    const content = typeof order === 'string' ? order : JSON.stringify(order);
    return engine.intake.accept('ann', { client_message_id: `m${(sent += 1)}`, content, agent });
  };
  const run = async (order: Order | string, agent?: string) => {
    const { run_id } = await send(order, agent);
    return engine.ended('ann', run_id);
  };
  const areStuck = async (count: number) => {
    while (stuck < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const of = async <T extends DurableEvent['type']>(type: T) =>
    (await engine.events('ann')).filter((event) => event.type === type) as DurableEvent<T>[];
  const pathsOf = async (type: DurableEvent['type']) => (await of(type)).map(({ path }) => path);

  it('gets what they write as their results, in the order of the calls, and their usage', async () => {
    const end = await run({ calls: [{ message: 'one' }, { message: 'two asks' }] });
    const content = 'Lead: [researcher: found some one][researcher: found doubt some two asks]';
    expect(end).toMatchObject({ data: { content, usage: { input_tokens: 4, output_tokens: 2 } } });
  });

  it('has them shown with their paths, the same one in every event of a branch', async () => {
    await run({ calls: [{ message: 'one' }, { message: 'two asks' }] });
    const expected = ['researcher', 'researcher#2'];
    expect((await pathsOf('tool_executing')).sort()).toEqual(expected);
    expect((await pathsOf('tool_completed')).sort()).toEqual(expected);
    expect((await pathsOf('agent_thinking')).sort()).toEqual([...expected, 'researcher#2/critic']);
    expect((await of('agent_thinking')).map(({ data }) => data.step)).toEqual([1, 1, 1]);
    expect(await pathsOf('agent_completed')).toEqual([null]);
  });

  it('has no more of them work at the same time than it said', async () => {
    const calls = Array.from({ length: 6 }, (_, index) => ({ message: `part ${index}` }));
    const end = await run({ calls, limit: 2 });
    expect(end.type).toBe('agent_completed');
    expect([most, underWay]).toEqual([2, 0]);
    expect(await pathsOf('tool_completed')).toHaveLength(6);
  });

  it('does not have them work twice when it is repeated: results, usage and text are kept', async () => {
    const end = await run({ calls: [{ message: 'one' }, { message: 'two' }], failOn: [1, 2] });
    const content = 'Lead: [researcher: found some one][researcher: found some two]';
    expect(end).toMatchObject({ attempt: 3, data: { content, usage: { input_tokens: 4, output_tokens: 2 } } });
    expect(done).toHaveLength(6);
    expect(await of('agent_thinking')).toHaveLength(2);
  });

  it('lost in the middle goes on in another process, where what was completed is not done again', async () => {
    const other = await start();
    other.queue.delivering = false;
    const { run_id } = await send({ calls: [{ message: 'one' }, { message: 'hangs' }], limit: 1 });
    await areStuck(1);
    engine.queue.delivering = false;
    other.queue.delivering = true;
    await other.database.query('UPDATE runs SET worker_id = gen_random_uuid()');
    const content = 'Lead: [researcher: found some one][researcher: found some hangs]';
    expect(await other.ended('ann', run_id)).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content } });
    expect(await of('agent_recovering')).toHaveLength(1);
    // Of the branch that hung its steps were done, and it was begun anew: only that.
    const once = ['one', 'tool of one', 'part of one', 'hangs', 'tool of hangs', 'part of hangs'];
    expect(done).toEqual([...once, 'hangs']);
    expect(await pathsOf('tool_completed')).toEqual(['researcher', 'researcher#2']);
  });

  it('is cancelled with all of them, deaf ones too', async () => {
    const { run_id } = await send({ calls: ['hangs', 'waits', 'waits too'].map((message) => ({ message })) });
    await areStuck(3);
    await engine.app.get(RunEnding).cancel('ann', run_id);
    expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_cancelled' });
    await engine.queue.idle();
    // That which hangs for ever is left behind.
    expect(underWay).toBe(1);
    expect((await engine.events('ann')).at(-1)?.type).toBe('agent_cancelled');
  });

  it('shares its clocks with them: silence of a called agent is silence', async () => {
    await engines.splice(0)[0]?.stop();
    engine = await start({ RUN_STALL_TIMEOUT_MS: '200' });
    await run({ calls: [{ message: 'hangs' }] });
    expect(await of('agent_retrying')).toMatchObject([{ path: null, data: { error: { reason: 'AGENT_STALLED' } } }]);
  });

  it('fails when one of them does, which stops the others; the next attempt repeats what was not completed', async () => {
    const end = await run({ calls: [{ message: 'waits' }, { message: 'fails' }] });
    expect(end).toMatchObject({
      type: 'agent_failed',
      attempt: 3,
      data: { error: { reason: 'PROVIDER_UNAVAILABLE' } },
    });
    expect(done.filter((what) => what.startsWith('tool'))).toHaveLength(2);
    expect(underWay).toBe(0);
    expect(await of('notification')).toEqual([]);
  });

  it('goes on without one that fails, if it says so, and the failure is told and recorded', async () => {
    const options: CallOptions = { onFailure: 'continue' };
    const end = await run({ calls: [{ message: 'fails', options }, { message: 'one' }], failOn: [1] });
    const content = 'Lead: [researcher:  (PROVIDER_UNAVAILABLE)][researcher: found some one]';
    expect(end).toMatchObject({ attempt: 2, data: { content } });
    const [told, ...more] = await of('notification');
    expect(more).toEqual([]);
    const details = { agent: 'researcher', path: 'researcher' };
    expect(told?.data.error).toMatchObject({ code: 1008, reason: 'SUB_AGENT_FAILED', details, run_id: end.run_id });
    const records = await engine.database.query('SELECT 1 FROM error_records WHERE support_code = $1', [
      told?.data.error.support_code,
    ]);
    expect(records).toHaveLength(1);
  });

  it.each<[string, CallOptions, string]>([
    ['another text', { onFailure: { text: 'instead' } }, '[researcher: instead (PROVIDER_UNAVAILABLE)]'],
    ['another agent', { onFailure: { agent: 'critic' } }, '[critic: doubt  (PROVIDER_UNAVAILABLE)]'],
  ])('takes %s for that of one that fails', async (_what, options, content) => {
    expect(await run({ calls: [{ message: 'fails', options }] })).toMatchObject({
      data: { content: `Lead: ${content}` },
    });
  });

  it('needs its fallback no more where the agent itself does well on the next attempt', async () => {
    const options: CallOptions = { onFailure: { agent: 'critic' } };
    const end = await run({ calls: [{ message: 'fails once', options }] });
    expect(end).toMatchObject({ attempt: 2, data: { content: 'Lead: [researcher: found some fails once]' } });
  });

  it.each<[string, string, string]>([
    ['takes too long', 'hangs', 'AGENT_TIMEOUT'],
    ['writes without end', 'floods', 'AGENT_OUTPUT_INVALID'],
  ])('has one that %s fail, not the run', async (_what, message, reason) => {
    const options: CallOptions = { onFailure: 'continue', timeoutMs: message === 'hangs' ? 100 : undefined };
    const content = `Lead: [researcher:  (${reason})]`;
    expect(await run({ calls: [{ message, options }] })).toMatchObject({ attempt: 1, data: { content } });
  });

  it.each<[string, Order | string, string, string]>([
    ['unknown agents', { calls: [{ message: 'x', agent: 'nobody' }] }, 'lead', 'SUB_AGENT_UNKNOWN'],
    [
      'unknown fallbacks',
      { calls: [{ message: 'x', options: { onFailure: { agent: 'nobody' } } }] },
      'lead',
      'SUB_AGENT_UNKNOWN',
    ],
    [
      'more calls than allowed',
      { calls: Array.from({ length: 101 }, () => ({ message: 'x' })) },
      'lead',
      'SUB_AGENTS_TOO_MANY',
    ],
    ['itself without end', 'hello', 'narcissus', 'SUB_AGENTS_TOO_DEEP'],
  ])('fails at once when it calls %s', async (_what, order, agent, reason) => {
    expect(await run(order, agent)).toMatchObject({
      type: 'agent_failed',
      attempt: 1,
      data: { error: { code: 1008, reason } },
    });
    expect(done).toEqual([]);
  });

  it('works as the documentation shows it', async () => {
    const content = 'found some facts about owls\nfound some numbers about owls\nCritique: doubt ';
    expect(await run('owls', 'report')).toMatchObject({ type: 'agent_completed', data: { content } });
    expect(await run('what fails', 'report')).toMatchObject({ type: 'agent_failed' });
  });
});
