import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { loadConfig } from '../config';
import type { Database, Sql } from '../persistence';
import { ComponentError, FailureReporter } from '../errors';
import { RunEnding } from '.';
import { Dispatcher } from './dispatcher.service';
import type { AgentRegistry } from './agent-registry';
import { Reconciler } from './reconciler.service';
import { RunClaims } from './run-claims.store';
import type { RunQueue } from './run-queue';

describe('the dispatcher', () => {
  describe('alone', () => {
    let atOnce = 0;
    let most = 0;
    let asked: Set<string>;

    /** Notes for whom it is asked, and how many ask at the same time; `claim` is the pause that a claim takes. */
    const dispatcherOver = (claim: () => Promise<void>) => {
      const note = (_text: string, values: readonly unknown[]) => {
        for (const value of values.flat()) if (typeof value === 'string') asked.add(value);
        return Promise.resolve([]);
      };
      const database = {
        transaction: async (work: (tx: Sql) => Promise<unknown>) => {
          most = Math.max(most, (atOnce += 1));
          await claim();
          atOnce -= 1;
          return work({ query: note });
        },
      } as unknown as Database;
      const claims = new RunClaims(
        database,
        { concurrencyLimits: new Map() } as unknown as AgentRegistry,
        loadConfig({}),
      );
      return new Dispatcher(claims, { open: true } as RunQueue, {} as FailureReporter);
    };

    beforeEach(() => {
      atOnce = most = 0;
      asked = new Set();
    });

    it('works off every wake, and leaves connections for others', async () => {
      const dispatcher = dispatcherOver(() => new Promise(setImmediate));
      for (let user = 0; user < 500; user += 1) dispatcher.wake(`u${user}`);
      await dispatcher.settled();
      expect(asked.size).toBe(500);
      expect(most).toBeLessThanOrEqual(4);
    });

    it('misses no wake, at whatever moment it comes', async () => {
      const dispatcher = dispatcherOver(() => Promise.resolve());
      for (let round = 0; round < 400; round += 1) {
        dispatcher.wake(`u${round}`);
        for (let microtask = 0; microtask < round % 23; microtask += 1) await Promise.resolve();
      }
      await dispatcher.settled();
      expect(asked.size).toBe(400);
    });
  });

  describe('while the queue is away', () => {
    let test: TestDatabase;
    let engine: Engine;

    beforeEach(async () => {
      test = await createTestDatabase();
      engine = await Engine.start(test.url);
      engine.queue.failure = new Error('queue away');
    });

    afterEach(async () => {
      await engine.stop();
      await test.drop();
    });

    const delayed = () => engine.database.query('SELECT run_id FROM error_records WHERE reason = $1', ['RUN_DELAYED']);

    it('records the delay of a run once, however often it tries', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      for (let pass = 0; pass < 5; pass += 1) {
        await engine.app.get(Reconciler).reconcile();
        await engine.app.get(Dispatcher).settled();
      }
      expect(await delayed()).toEqual([{ run_id }]);
      engine.queue.failure = null;
      expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_completed' });
    });

    it('names the database where that is what keeps the queue', async () => {
      const cause = Object.assign(new Error('no room'), { code: '53100' });
      engine.queue.failure = ComponentError.redis('QUEUE_UNAVAILABLE', { cause });
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      await engine.app.get(Dispatcher).settled();
      const [notice] = (await engine.events('ann')).filter(({ type }) => type === 'notification');
      const error = { code: 1005, component: 'Database', reason: 'RUN_STALLED', details: { runs: [run_id] } };
      expect(notice).toMatchObject({ run_id, data: { error } });
    });

    it('tells nothing of a run after its end', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
      const reported = jest.spyOn(engine.app.get(FailureReporter), 'report');
      while ((await delayed()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      reported.mockRestore();
      await engine.app.get(RunEnding).cancel('ann', run_id);
      const late = { operation: 'run.enqueue', user_id: 'ann', run_id, notify: true };
      await engine.app.get(FailureReporter).report(new Error('late'), late);
      const events = await engine.events('ann');
      expect(events.map(({ type, run_id: of }) => [type, of === run_id])).toEqual([
        ['message_created', true],
        ['run_queued', true],
        ['notification', true],
        ['agent_cancelled', true],
        ['notification', false],
      ]);
    });
  });
});
