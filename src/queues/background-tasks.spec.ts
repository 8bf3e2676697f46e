import { Logger } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { BackgroundTask, ComponentError, type TaskSchedule } from '../errors';
import { Database } from '../persistence';
import { backoffMs, longestBackoffMs } from '../tasks/backoff';
import { ClusterTasks } from '../tasks/cluster-tasks.service';
import { ProcessTasks } from '../tasks/process-tasks.service';
import { TaskAttempts } from '../tasks/task-attempts.service';
import { TaskRegistry } from '../tasks/task-registry';
import { TaskWatch } from '../tasks/task-watch.service';
import { TaskStore } from '../tasks/task.store';
import { TasksIndicator } from '../tasks/tasks.indicator';
import { BullTaskQueue } from './bull-task-queue';
import { BACKENDS, createHost, type TestBackend, until } from './queues.fixture';
import { TaskCanary } from './task-canary.service';
import { TaskProcessor } from './task.processor';

const HOUR = 3_600_000;

class Chore extends BackgroundTask {
  runs = 0;
  work: (signal: AbortSignal) => Promise<void> = async () => undefined;

  constructor(
    override readonly name: string,
    override readonly schedule: TaskSchedule,
  ) {
    super();
  }

  override async run(signal: AbortSignal): Promise<void> {
    this.runs += 1;
    await this.work(signal);
  }
}

describe.each(BACKENDS)('background tasks on %s', (_name, start) => {
  let server: TestBackend;
  let postgres: TestDatabase;
  let database: Database;
  let nodes: { close(): Promise<void> }[];

  beforeAll(() => Logger.overrideLogger(false));

  beforeEach(async () => {
    server = await start();
    postgres = await createTestDatabase();
    database = new Database({ poolSize: 6, connectTimeoutMs: 2_000, statementTimeoutMs: 2_000 });
    database.connect(postgres.url);
    database.markOpened();
    nodes = [];
  });

  afterEach(async () => {
    for (const node of nodes) await node.close();
    await database.close();
    await postgres.drop();
    await server.stop();
  });

  /** A process with these tasks, on the database of the test. */
  async function createNode(tasks: readonly BackgroundTask[]) {
    const { host, reporter, registry: metrics } = createHost(server.backend);
    const discovery = { getProviders: () => tasks.map((instance) => ({ instance })) } as unknown as DiscoveryService;
    const registry = new TaskRegistry(discovery);
    registry.onModuleInit();
    const canary = new TaskCanary();
    const [store, queue, attempts] = [
      new TaskStore(database),
      new BullTaskQueue(host, canary),
      new TaskAttempts(reporter, metrics),
    ];
    const cluster = new ClusterTasks(registry, attempts, store, queue);
    const watch = new TaskWatch(registry, store, queue, database, reporter, metrics);
    const local = new ProcessTasks(registry, attempts);
    const indicator = new TasksIndicator(watch, local, queue, database);
    const processor = new TaskProcessor(cluster, database, canary);
    await host.open({ 'background-tasks': (data, attempt) => processor.process(data, attempt) });
    const close = async () => {
      processor.stop();
      await local.onModuleDestroy();
      await host.close();
    };
    const node = { host, reporter, metrics, queue, watch, local, indicator, close };
    nodes.push(node);
    return node;
  }

  type Node = Awaited<ReturnType<typeof createNode>>;

  async function stateOf(node: Node, name: string) {
    const states = [...(await node.watch.states()), ...node.local.states()];
    return states.find((state) => state.name === name)!;
  }

  const jobsOf = (node: Node) => node.host.queue('background-tasks');
  const reasons = (node: Node) => node.reporter.reported.map(({ reason }) => reason);
  /** As if so much time had passed since the task was due. */
  const dueAgo = (name: string, seconds: number) =>
    database.query(`UPDATE background_tasks SET next_due_at = now() - $2 * interval '1 second' WHERE name = $1`, [
      name,
      seconds,
    ]);

  describe('a background task', () => {
    it('runs at its schedule, and says when', async () => {
      const chore = new Chore('test.often', { everyMs: 400 });
      const node = await createNode([chore]);
      await node.watch.look();
      await until(() => chore.runs >= 3);
      const state = await stateOf(node, 'test.often');
      expect(state).toMatchObject({ scope: 'cluster', every_ms: 400, consecutive_failures: 0, failing_since: null });
      expect(Date.parse(state.last_success_at!)).toBeGreaterThan(Date.now() - 5_000);
      expect(node.reporter.reported).toEqual([]);
    });

    it('keeps its schedule through starts that come more often than its turns', async () => {
      const chore = new Chore('test.rare', { everyMs: HOUR });
      const node = await createNode([chore]);
      await node.watch.look();
      await until(() => chore.runs === 1);
      await until(async () => (await jobsOf(node).getJobScheduler('test.rare'))?.iterationCount === 2);
      const next = (await jobsOf(node).getJobScheduler('test.rare'))!.next;
      const restarted = await createNode([new Chore('test.rare', { everyMs: HOUR })]);
      await restarted.watch.look();
      expect((await jobsOf(restarted).getJobScheduler('test.rare'))!.next).toBe(next);
    });

    it('is tried again with growing waits, each attempt told; a success is noted', async () => {
      const chore = new Chore('test.shaky', { everyMs: HOUR });
      chore.work = async () => {
        if (chore.runs < 3) throw ComponentError.database('DATABASE_CONFLICT');
      };
      const node = await createNode([chore]);
      await node.watch.look();
      await until(async () => (await stateOf(node, 'test.shaky')).last_success_at !== null);
      expect(node.reporter.reported).toMatchObject(
        [1, 2].map((attempt) => ({
          reason: 'BACKGROUND_TASK_RETRYING',
          operation: 'task.test.shaky',
          error: { details: { task: 'test.shaky', attempt, attempts: 5, reason: 'DATABASE_CONFLICT' } },
        })),
      );
      expect(await stateOf(node, 'test.shaky')).toMatchObject({ consecutive_failures: 0, running: false });
    });

    it('ends as a dead letter when its attempts are used up, and is well again after a retry by hand', async () => {
      const chore = new Chore('test.broken', { everyMs: HOUR, attempts: 2 });
      chore.work = () => Promise.reject(new TypeError('a defect'));
      const node = await createNode([chore]);
      await node.watch.look();
      await until(async () => (await stateOf(node, 'test.broken'))?.failing_since !== null);
      expect(reasons(node)).toEqual(['BACKGROUND_TASK_RETRYING', 'BACKGROUND_TASK_FAILED']);
      await until(async () => (await jobsOf(node).getFailed()).length === 1);
      const [letter] = await jobsOf(node).getFailed();
      expect(letter!.failedReason).toMatch(/^BACKGROUND_TASK_FAILED_2: /);
      await node.watch.look();
      expect(await node.indicator.check(AbortSignal.timeout(5_000))).toMatchObject({
        status: 'degraded',
        problem: 'Failing: test.broken',
      });
      chore.work = async () => undefined;
      await letter!.retry();
      await until(async () => (await stateOf(node, 'test.broken')).failing_since === null);
      await node.watch.look();
      expect(await node.indicator.check(AbortSignal.timeout(5_000))).toMatchObject({ status: 'healthy' });
    });

    it('counts as failed when it takes too long, and hears of it', async () => {
      const chore = new Chore('test.slow', { everyMs: HOUR, attempts: 1, timeoutMs: 100 });
      const aborted = Promise.withResolvers<void>();
      chore.work = (signal) => new Promise(() => signal.addEventListener('abort', () => aborted.resolve()));
      const node = await createNode([chore]);
      await node.watch.look();
      await aborted.promise;
      await until(() => node.reporter.reported.length === 1);
      expect(reasons(node)).toEqual(['BACKGROUND_TASK_FAILED']);
    });

    it('runs once at a time, whatever wakes it on however many nodes', async () => {
      let [together, most] = [0, 0];
      const work = async () => {
        most = Math.max(most, (together += 1));
        await new Promise((resolve) => setTimeout(resolve, 150));
        together -= 1;
      };
      const chores = [1, 2].map(() => new Chore('test.single', { everyMs: 200 }));
      for (const chore of chores) chore.work = work;
      const [one, other] = [await createNode([chores[0]!]), await createNode([chores[1]!])];
      for (const { watch } of [one, other]) await watch.look();
      const wake = () => one.queue.runOnce('test.single', 5);
      await Promise.all(Array.from({ length: 10 }, wake));
      await until(() => chores[0]!.runs + chores[1]!.runs >= 4);
      expect(most).toBe(1);
    });

    it('goes on elsewhere when the process that runs it dies', async () => {
      const [dying, heir] = [new Chore('test.heavy', { everyMs: HOUR }), new Chore('test.heavy', { everyMs: HOUR })];
      const gate = Promise.withResolvers<void>();
      dying.work = () => gate.promise;
      const first = await createNode([dying]);
      await first.watch.look();
      await until(() => dying.runs === 1);
      await first.host.close(); // gives up on the job after 3 s, without a word to the queue
      await createNode([heir]);
      await until(() => heir.runs === 1, 15_000);
      gate.resolve();
    });

    it('that a version no longer has is not woken any more', async () => {
      const node = await createNode([]);
      await node.queue.schedule('test.gone', 200, 5);
      await until(async () => (await jobsOf(node).getJobScheduler('test.gone')) === undefined);
      expect(node.reporter.reported).toEqual([]);
    });
  });

  describe('the watch over background tasks', () => {
    it('notices a lost schedule, tells it once, and schedules the task anew', async () => {
      const chore = new Chore('test.lost', { everyMs: HOUR });
      const node = await createNode([chore]);
      await node.watch.look();
      await until(async () => (await stateOf(node, 'test.lost')).last_success_at !== null);
      await jobsOf(node).removeJobScheduler('test.lost');
      await dueAgo('test.lost', 2 * 3_600);
      await node.watch.look();
      await node.watch.look();
      expect(reasons(node)).toEqual(['BACKGROUND_TASK_OVERDUE']);
      await until(() => chore.runs === 2);
      await until(async () => !(await stateOf(node, 'test.lost')).overdue);
    });

    it('is done, and one that does nothing goes the way of all and leaves nothing', async () => {
      const node = await createNode([new Chore('test.well', { everyMs: HOUR })]);
      await node.watch.look();
      await until(async () => (await stateOf(node, 'test.well')).last_success_at !== null);
      await node.watch.look();
      for (let time = 0; time < 3; time += 1) {
        const found = await node.indicator.check(AbortSignal.timeout(5_000));
        expect(found).toMatchObject({ status: 'healthy', details: { round_trip_ms: expect.any(Number) } });
      }
      expect(
        (await database.query<{ name: string }>('SELECT name FROM background_tasks')).map(({ name }) => name),
      ).toEqual(['test.well']);
      // The last of them is removed when its processor has returned.
      await until(async () => {
        const jobs = await jobsOf(node).getJobs(['completed', 'failed', 'waiting', 'active']);
        return jobs.every(({ name }) => name !== 'health-check');
      });
      expect(reasons(node)).toEqual([]);
    });

    it('is missed when none is done for some checks, and not for one that is late', async () => {
      const node = await createNode([new Chore('test.well', { everyMs: HOUR })]);
      await node.watch.look();
      await until(async () => (await stateOf(node, 'test.well')).last_success_at !== null);
      await node.watch.look();
      await node.host.stopTaking();
      for (const status of ['healthy', 'healthy', 'degraded'])
        expect(await node.indicator.check(AbortSignal.timeout(100))).toMatchObject({ status });
    });

    it('says which task is overdue while its queue is paused', async () => {
      const node = await createNode([new Chore('test.paused', { everyMs: HOUR })]);
      await jobsOf(node).pause();
      await node.watch.look();
      await dueAgo('test.paused', 2 * 3_600);
      await node.watch.look();
      expect(await node.indicator.check(AbortSignal.timeout(5_000))).toMatchObject({
        status: 'failed',
        problem: 'Overdue: test.paused',
      });
      await jobsOf(node).resume();
      await until(async () => (await stateOf(node, 'test.paused')).last_success_at !== null);
    });
  });

  describe('a task of every process', () => {
    it('runs by a timer, and is tried again until it succeeds', async () => {
      const chore = new Chore('test.local', { everyMs: 50, scope: 'process', attempts: 2 });
      chore.work = async () => {
        if (chore.runs < 3) throw new TypeError('a defect');
      };
      const node = await createNode([chore]);
      node.local.onApplicationBootstrap();
      await until(() => chore.runs === 2);
      await until(() => node.local.states()[0]!.failing_since !== null);
      expect(reasons(node)).toEqual(['BACKGROUND_TASK_RETRYING', 'BACKGROUND_TASK_FAILED']);
      await node.local.run('test.local');
      expect(node.local.states()[0]).toMatchObject({
        consecutive_failures: 0,
        failing_since: null,
        support_code: null,
      });
      expect(await database.query('SELECT name FROM background_tasks')).toEqual([]);
    });
  });

  describe('names of tasks', () => {
    it('are unique and well-formed, or the start is refused', async () => {
      const twice = [new Chore('test.one', { everyMs: 1 }), new Chore('test.one', { everyMs: 1 })];
      await expect(createNode(twice)).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
      await expect(createNode([new Chore('No Name', { everyMs: 1 })])).rejects.toMatchObject({
        reason: 'CONFIGURATION_INVALID',
      });
    });
  });
});

it('waits between 1 s and 120 s after a failure, never longer than the longest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const wait = backoffMs(failures, random);
      expect(wait).toBeGreaterThanOrEqual(1_000);
      expect(wait).toBeLessThanOrEqual(longestBackoffMs(failures));
      expect(longestBackoffMs(failures)).toBeLessThanOrEqual(120_000);
      expect(longestBackoffMs(failures + 1)).toBeGreaterThanOrEqual(longestBackoffMs(failures));
    }),
  );
});
