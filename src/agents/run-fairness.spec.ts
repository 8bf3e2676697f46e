import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { RunEnding } from '.';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';
import { Dispatcher } from './dispatcher.service';

const LIMIT = 3;

/** What all engines of a test run at the same time. */
const seen = { now: 0, most: 0, users: [] as string[], gate: Promise.resolve() };

@Agent({ name: 'scarce', description: 'Has few places', concurrency: LIMIT, maxAttempts: 3 })
class ScarceAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    seen.most = Math.max(seen.most, (seen.now += 1));
    seen.users.push(ctx.user_id);
    try {
      await seen.gate;
      await pause(2);
      ctx.signal.throwIfAborted();
      if (ctx.message === 'fail' && ctx.attempt === 1) throw new Error('the first time');
      yield 'done';
    } finally {
      seen.now -= 1;
    }
  }
}

@Agent({ name: 'single', description: 'Has one place', concurrency: 1 })
class SingleAgent extends ScarceAgent {}

@Agent({ name: 'plain', description: 'Has as many places as there are' })
class PlainAgent implements AgentRunner {
  async *run(): AgentStream {
    yield await Promise.resolve('done');
  }
}

let database: TestDatabase;
let engines: Engine[];

beforeEach(async () => {
  Object.assign(seen, { now: 0, most: 0, users: [], gate: Promise.resolve() });
  database = await createTestDatabase();
  engines = [];
});

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.stop()));
  await database.drop();
});

const start = async (env: Record<string, string> = {}): Promise<Engine> => {
  const engine = await Engine.start(database.url, { env, agents: [ScarceAgent, SingleAgent, PlainAgent] });
  engines.push(engine);
  return engine;
};

const send = (engine: Engine, user: string, id: string, more: object = {}) =>
  engine.intake.accept(user, { client_message_id: id, content: 'go', agent: 'scarce', ...more });

const many = (engine: Engine, user: string, count: number, more: object = {}) =>
  Promise.all(Array.from({ length: count }, (_, at) => send(engine, user, `m${at}`, more)));

describe('an agent with few places', () => {
  const action = fc.record({
    engine: fc.nat(1),
    user: fc.nat(4),
    agent: fc.constantFrom('scarce', 'scarce', 'scarce', 'single', 'plain'),
    content: fc.constantFrom('go', 'go', 'fail'),
    cancel: fc.constantFrom(false, false, false, true),
    wait: fc.nat(6),
  });

  it('is never given more of them by two processes, and every run that waits comes to its end', async () => {
    const both = [await start(), await start()] as const;
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
        round += 1;
        const sent = actions.map(async ({ engine: at, user, agent, content, cancel, wait }, index) => {
          await pause(wait);
          const engine = both[at as 0 | 1];
          const { run_id } = await send(engine, `u${user}`, `${round}-${index}`, { agent, content });
          if (cancel) await engine.app.get(RunEnding).cancel(`u${user}`, run_id);
          return engine.untilEnded(`u${user}`, run_id);
        });
        await Promise.all(sent);
      }),
      { numRuns: 5, endOnFailure: true },
    );
    // Both agents count together: three places and one.
    expect(seen.most).toBeGreaterThan(1);
    expect(seen.most).toBeLessThanOrEqual(LIMIT + 1);
    expect(await engines[0]!.database.query(`SELECT reason FROM error_records WHERE reason LIKE 'DATABASE%'`)).toEqual(
      [],
    );
  }, 60_000);

  it('takes users in turn: a thousand runs of one do not stand before the first of the next', async () => {
    const engine = await start();
    const gate = Promise.withResolvers<void>();
    seen.gate = gate.promise;
    await many(engine, 'heavy', 1_000, { agent: 'single' });
    const light = [
      await send(engine, 'ann', 'm', { agent: 'single' }),
      await send(engine, 'bob', 'm', { agent: 'single' }),
    ];
    gate.resolve();
    await engine.untilEnded('ann', light[0]!.run_id);
    await engine.untilEnded('bob', light[1]!.run_id);
    // One was under way already, and the next had waited before the others came.
    expect(seen.users.slice(0, 4)).toEqual(['heavy', 'heavy', 'ann', 'bob']);
  }, 60_000);

  it('gives its place to another user at once when a run ends, without waiting for the reconciler', async () => {
    const engine = await start();
    const gate = Promise.withResolvers<void>();
    seen.gate = gate.promise;
    const first = await send(engine, 'ann', 'm', { agent: 'single' });
    const second = await send(engine, 'bob', 'm', { agent: 'single' });
    await engine.app.get(Dispatcher).settled();
    expect(engine.queue.enqueued.map(({ run_id }) => run_id)).toEqual([first.run_id]);
    gate.resolve();
    expect(await engine.ended('bob', second.run_id)).toMatchObject({ type: 'agent_completed' });
    const [turns] = await engine.database.query('SELECT count(*) FROM agent_turns');
    expect(turns).toEqual({ count: 1 });
  });

  it('does not keep a user from other agents', async () => {
    const engine = await start();
    const gate = Promise.withResolvers<void>();
    seen.gate = gate.promise;
    await many(engine, 'ann', 3, { agent: 'single' });
    const other = await send(engine, 'ann', 'other', { agent: 'plain' });
    expect(await engine.ended('ann', other.run_id)).toMatchObject({ type: 'agent_completed' });
    gate.resolve();
  });
});

describe('users with a thousand queued runs', () => {
  const RUNS_PER_USER = 5;

  it('put no more than their limit before the next user, also when one claim is for many users', async () => {
    const engine = await start({ RUNS_PER_USER: String(RUNS_PER_USER) });
    engine.queue.delivering = false;
    const heavy = Array.from({ length: 10 }, (_, at) => `heavy${at}`);
    await many(engine, 'heavy0', 1_000, { agent: 'plain' });
    for (const user of heavy.slice(1)) await many(engine, user, 20, { agent: 'plain' });
    // More users than one claim takes, all of them woken in one turn.
    const light = Array.from({ length: 150 }, (_, at) => `light${at}`);
    await Promise.all(light.map((user) => send(engine, user, 'm', { agent: 'plain' })));
    for (const user of [...heavy, ...light]) engine.app.get(Dispatcher).wake(user);
    await engine.app.get(Dispatcher).settled();
    const rows = await engine.database.query<{ user_id: string; dispatched: number }>(
      `SELECT user_id, sum(dispatch)::int AS dispatched FROM runs GROUP BY user_id`,
    );
    const dispatched = new Map(rows.map((row) => [row.user_id, row.dispatched]));
    expect(light.filter((user) => dispatched.get(user) !== 1)).toEqual([]);
    expect(heavy.filter((user) => dispatched.get(user) !== RUNS_PER_USER)).toEqual([]);
    expect(engine.queue.enqueued).toHaveLength(light.length + heavy.length * RUNS_PER_USER);
    expect(await engine.database.query('SELECT * FROM error_records')).toEqual([]);
  }, 60_000);
});
