import { randomUUID } from 'node:crypto';
import { ComponentError } from '../errors';
import { BullRunQueue } from './bull-run-queue';
import { BackendWorker } from './bull';
import { BACKENDS, createHost, type RunJob, succeeds, type TestBackend, until } from './queues.fixture';

describe.each(BACKENDS)('the queues on %s', (_name, start) => {
  let server: TestBackend;
  let created: ReturnType<typeof createHost>;
  let runs: BullRunQueue;
  let processed: RunJob[];
  let work: (job: RunJob) => Promise<void>;

  beforeEach(async () => {
    server = await start();
    created = createHost(server.backend);
    runs = new BullRunQueue(created.host, server.backend);
    processed = [];
    work = async () => undefined;
    await created.host.open({
      'agent-runs': async (job) => {
        processed.push(job);
        await work(job);
      },
    });
  });

  afterEach(async () => {
    await created.host.close();
    await server.stop();
  });

  const wakeUp = (dispatch = 1) => ({ run_id: randomUUID(), dispatch });
  const queue = () => created.host.queue('agent-runs');
  const stateOf = ({ run_id, dispatch }: RunJob) => queue().getJobState(`${run_id}-${dispatch}`);
  const counted = async (name: string) => (await created.registry.getSingleMetric(name)!.get()).values;

  async function restarts(expected: number): Promise<boolean> {
    const [count] = await counted('clarion_queue_worker_restarts_total');
    return (count?.value ?? 0) === expected;
  }

  function checkUntil(condition: () => Promise<boolean>, ms?: number): Promise<void> {
    return until(async () => {
      await created.host.check();
      return condition();
    }, ms);
  }

  function runsWorker(): BackendWorker {
    const { opened } = created.host as unknown as { opened: { workers: Map<string, { worker: BackendWorker }> } };
    return opened.workers.get('agent-runs')!.worker;
  }

  /** The worker takes no jobs, as after a connection that died in a way that BullMQ did not notice. */
  async function pauseBehindTheHost(): Promise<void> {
    await runsWorker().pause(true);
  }

  describe('the queue of runs', () => {
    it.each([2, 40])(
      'hands each of %d wake-ups to the processor, with nothing but the run and its dispatch',
      async (many) => {
        const wakeUps = Array.from({ length: many }, (_, at) => wakeUp(at + 1));
        await runs.enqueue(wakeUps.map((job) => ({ ...job, user_id: 'alice' })));
        await until(() => processed.length === many);
        expect(processed).toEqual(expect.arrayContaining(wakeUps));
        await until(async () => (await stateOf(wakeUps[0]!)) === 'completed');
      },
    );

    it('takes the same pair twice for one job, and another dispatch for another', async () => {
      const first = wakeUp(1);
      await runs.enqueue([first]);
      await runs.enqueue([first, { ...first, dispatch: 2 }]);
      await until(async () => (await queue().getJobCounts('completed')).completed === 2);
      expect(processed.map(({ dispatch }) => dispatch).sort()).toEqual([1, 2]);
    });

    it('tells which wake-ups still have a job that waits for somebody to take it', async () => {
      const [active, waiting, failed, unknown] = [wakeUp(), wakeUp(), wakeUp(), wakeUp()];
      const gate = Promise.withResolvers<void>();
      work = (job) => {
        if (job.run_id === failed.run_id) throw new TypeError('a defect');
        return gate.promise;
      };
      await runs.enqueue([active, failed]);
      await until(async () => (await stateOf(failed)) === 'failed' && (await stateOf(active)) === 'active');
      await pauseBehindTheHost();
      // A worker that is paused while it waits for a job still takes that one.
      await runs.enqueue([wakeUp()]);
      await runs.enqueue([waiting]);
      expect(await runs.pending([active, waiting, failed, unknown])).toEqual(new Set([waiting.run_id]));
      gate.resolve();
    });

    it('gives nobody what a process works on that is too busy to renew its locks in time', async () => {
      const gate = Promise.withResolvers<void>();
      work = () => gate.promise;
      jest.spyOn(runsWorker(), 'extendJobLocks').mockResolvedValue([]);
      const looks = jest.spyOn(BackendWorker.prototype as never, 'moveStalledJobsToWait');
      await runs.enqueue([wakeUp()]);
      await until(() => processed.length === 1);
      const before = looks.mock.calls.length;
      await until(() => looks.mock.calls.length - before >= 5);
      expect(processed).toHaveLength(1);
      gate.resolve();
    });
  });

  describe('a job that fails', () => {
    it('is tried again with growing delays where that can help, each attempt reported once', async () => {
      const times: number[] = [];
      work = async () => {
        times.push(performance.now());
        if (times.length < 3) throw ComponentError.database('DATABASE_CONFLICT');
      };
      const job = wakeUp();
      await runs.enqueue([job]);
      await until(async () => (await stateOf(job)) === 'completed');
      expect(times).toHaveLength(3);
      expect(times[1]! - times[0]!).toBeGreaterThan(300);
      expect(times[2]! - times[1]!).toBeGreaterThan(600);
      const id = `${job.run_id}-1`;
      expect(created.reporter.reported).toMatchObject([
        { reason: 'DATABASE_CONFLICT', job_id: id, run_id: job.run_id, operation: 'queue.agent-runs' },
        { reason: 'DATABASE_CONFLICT', error: { details: { queue: 'agent-runs', attempt: 2, attempts: 8 } } },
      ]);
      expect(await counted('clarion_queue_jobs_total')).toEqual([
        { labels: { queue: 'agent-runs', outcome: 'retried' }, value: 2 },
        { labels: { queue: 'agent-runs', outcome: 'completed' }, value: 1 },
      ]);
    });

    it('ends as a dead letter that carries its support code when the attempts are used up', async () => {
      const error = ComponentError.database('DATABASE_CONFLICT');
      work = () => Promise.reject(error);
      const data = wakeUp();
      const job = await queue().add('run', data, { jobId: 'last', attempts: 2 });
      await until(async () => (await job.getState()) === 'failed');
      expect(processed).toHaveLength(2);
      const [, last] = created.reporter.reported;
      expect(last).toMatchObject({ reason: 'QUEUE_JOB_FAILED', job_id: 'last', run_id: data.run_id });
      expect(last!.error.details).toEqual({
        queue: 'agent-runs',
        attempt: 2,
        attempts: 2,
        reason: 'DATABASE_CONFLICT',
      });
      expect(last!.error.cause).toBe(error);
      expect((await queue().getJob('last'))!.failedReason).toMatch(/^QUEUE_JOB_FAILED_2: /);
      expect(await queue().getFailedCount()).toBe(1);
    });

    it('is not tried again where that cannot help', async () => {
      work = () => Promise.reject(new TypeError('a defect'));
      const job = wakeUp();
      await runs.enqueue([job]);
      await until(async () => (await stateOf(job)) === 'failed');
      expect(processed).toHaveLength(1);
      expect(created.reporter.reported).toMatchObject([{ reason: 'QUEUE_JOB_FAILED' }]);
    });

    it('never reaches its processor when it carries something else than it should', async () => {
      const job = await queue().add('run', { run_id: 'not a uuid', dispatch: 0 });
      await until(async () => (await job.getState()) === 'failed');
      expect(processed).toEqual([]);
      expect(created.reporter.reported).toMatchObject([
        { reason: 'QUEUE_JOB_FAILED', run_id: null, error: { details: { reason: 'PAYLOAD_INVALID' } } },
      ]);
    });
  });

  describe('the host', () => {
    it('works again within two seconds after all its connections were cut, and tells of it once', async () => {
      await runs.enqueue([wakeUp()]);
      await until(() => processed.length === 1);
      await server.cut();
      const began = performance.now();
      await until(() => succeeds(runs.enqueue([wakeUp()])));
      await until(() => processed.length === 2);
      expect(performance.now() - began).toBeLessThan(2_000);
      await expect(created.host.check()).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await expect(created.host.check()).resolves.toBeUndefined();
    });

    it('replaces a worker whose loop has ended', async () => {
      await pauseBehindTheHost();
      await checkUntil(() => restarts(1));
      await runs.enqueue([wakeUp()]);
      await until(() => processed.length === 1);
    });

    it('replaces a worker that takes nothing although jobs wait and it has room', async () => {
      const gate = Promise.withResolvers<void>();
      work = () => gate.promise;
      const [active, waiting] = [wakeUp(), [wakeUp(), wakeUp()]];
      await runs.enqueue([active]);
      await until(() => processed.length === 1);
      await pauseBehindTheHost();
      await runs.enqueue(waiting);
      await checkUntil(() => restarts(1), 12_000);
      await until(() => waiting.every((job) => processed.some(({ run_id }) => run_id === job.run_id)));
      gate.resolve();
    });

    it('lets no job begin once it has stopped taking, while the one at work goes on', async () => {
      const gate = Promise.withResolvers<void>();
      work = () => gate.promise;
      const [active, late] = [wakeUp(), wakeUp()];
      await runs.enqueue([active]);
      await until(() => processed.length === 1);
      await created.host.stopTaking();
      await runs.enqueue([late]);
      gate.resolve();
      await until(async () => (await stateOf(active)) === 'completed');
      await until(async () => (await stateOf(late)) === 'waiting');
      expect(processed).toEqual([active]);
    });

    it('refuses with a code while it is closed', async () => {
      await created.host.close();
      await expect(runs.enqueue([wakeUp()])).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      expect(created.host.all()).toEqual([]);
    });
  });
});
