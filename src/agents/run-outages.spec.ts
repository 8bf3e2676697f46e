import { TERMINAL_EVENTS } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { ComponentError } from '../errors';

const STORM_MS = 3_000;
const RUNS = 12;
const ENV = { RUNS_PER_USER: '20', RUN_MAX_ATTEMPTS: '20' };
const REQUEST = { tokens: 40, per_second: 60, think: 3, tools: 3 };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a database whose connections break all the time', () => {
  let test: TestDatabase;
  let proxy: TcpProxy;
  let engine: Engine;
  /** Looks on from outside the storm; gives what it finds undone to the engine in the storm. */
  let observer: Engine;

  beforeEach(async () => {
    test = await createTestDatabase();
    proxy = await TcpProxy.before(test.url);
    engine = await Engine.start(proxy.through(test.url), { env: ENV });
    observer = await Engine.start(test.url, { env: ENV });
    observer.queue.executor = engine.queue.executor;
  });

  afterEach(async () => {
    await engine.stop();
    await observer.stop();
    await proxy.close();
    await test.drop();
  });

  const storm = async () => {
    for (const until = performance.now() + STORM_MS; performance.now() < until;) {
      await pause(30 + Math.random() * 200);
      proxy.cut();
    }
  };

  /** As a client does: again with the same id until it is answered. */
  const send = async (id: string): Promise<string> => {
    for (;;) {
      const [sent] = await Promise.allSettled([engine.drill('ann', id, REQUEST)]);
      if (sent.status === 'fulfilled') return sent.value.run_id;
      expect(sent.reason).toBeInstanceOf(ComponentError);
      // The latter where a commit was cut from its answer.
      expect(['DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT']).toContain((sent.reason as ComponentError).reason);
      await pause(10);
    }
  };

  it('loses and doubles nothing: no event, no end, no word of an answer', async () => {
    const storming = storm();
    const runs = await Promise.all(Array.from({ length: RUNS }, (_, index) => send(`m${index}`)));
    await storming;
    await Promise.all(runs.map((run) => observer.untilEnded('ann', run)));
    await engine.queue.idle();
    const events = await observer.events('ann');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(new Set(runs).size).toBe(RUNS);
    for (const run of runs) {
      const own = events.filter(({ run_id, type }) => run_id === run && type !== 'notification');
      const last = own.filter(({ attempt }) => attempt === own.at(-1)?.attempt).map(({ type }) => type);
      expect(own.filter(({ type }) => TERMINAL_EVENTS.has(type))).toHaveLength(1);
      expect(own.at(-1)).toMatchObject({ type: 'agent_completed', data: { content: drillWords(40) } });
      expect(last.filter((type) => type === 'agent_thinking')).toHaveLength(3);
      expect(last.filter((type) => type === 'tool_completed')).toHaveLength(3);
    }
  }, 60_000);
});
