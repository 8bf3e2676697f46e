import { randomUUID } from 'node:crypto';
import type { Database } from '../persistence';
import { BullRunQueue } from './bull-run-queue';
import { QUEUE_NAMES } from './queue-definitions';
import type { QueueHost } from './queue-host';
import { BACKENDS, createHost, type TestBackend, until } from './queues.fixture';
import { QueuesIndicator } from './queues.indicator';

const IDLE = { paused: false, waiting: 0, active: 0, delayed: 0, failed: 0 };

describe.each(BACKENDS)('the health of the queues on %s', (_name, start) => {
  let server: TestBackend;
  let host: QueueHost;
  let indicator: QueuesIndicator;
  let bad: string;

  beforeEach(async () => {
    server = await start();
    const created = createHost(server.backend);
    ({ host } = created);
    indicator = new QueuesIndicator(host, server.backend, { ready: true } as Database, created.metrics);
    bad = server.backend.kind === 'redis' ? 'degraded' : 'failed';
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await host.close();
    await server.stop();
  });

  const check = () => indicator.check(AbortSignal.timeout(800));
  const open = () => host.open({ 'agent-runs': async () => undefined });
  const enqueue = () => new BullRunQueue(host, server.backend).enqueue([{ run_id: randomUUID(), dispatch: 1 }]);

  it('is bad until they are open', async () => {
    expect(await check()).toMatchObject({
      status: bad,
      problem: 'The queues are not open',
      cause: { reason: 'QUEUE_UNAVAILABLE' },
    });
    await open();
    expect(await check()).toEqual({
      status: 'healthy',
      details: { ...Object.fromEntries(QUEUE_NAMES.map((name) => [name, IDLE])), round_trip_ms: expect.any(Number) },
    });
  });

  it('sends a job through, again and again, and leaves none', async () => {
    await open();
    for (let sent = 0; sent < 3; sent += 1) expect(await check()).toMatchObject({ status: 'healthy' });
    await until(async () => (await host.queue('health-checks').getJobCountByTypes()) === 0);
  });

  it('is bad when no worker does the job that is sent, and leaves no more than that one', async () => {
    await open();
    await host.stopTaking();
    const send = () => indicator.check(AbortSignal.timeout(60));
    const undone = { problem: 'A job that was sent is not done', cause: { reason: 'QUEUE_UNAVAILABLE' } };
    expect(await send()).toMatchObject({ ...undone, status: 'degraded' });
    expect(await send()).toMatchObject({ ...undone, status: 'degraded' });
    expect(await send()).toMatchObject({ ...undone, status: bad });
    expect(await host.queue('health-checks').getJobCountByTypes()).toBe(1);
  });

  it('needs no worker in a process that runs no jobs', async () => {
    await host.open({});
    expect(await check()).toMatchObject({ status: 'healthy' });
  });

  it('suffers from a queue that is paused', async () => {
    await open();
    await host.queue('agent-runs').pause();
    await enqueue();
    expect(await check()).toMatchObject({
      status: 'degraded',
      details: { 'agent-runs': { waiting: 1, paused: true } },
      problem: 'The queue agent-runs is paused',
      suggestion: 'resume it at /admin/queues',
    });
  });

  it('suffers when jobs wait for minutes', async () => {
    // Without workers: one that stops taking may take one more job, which does not wait then.
    await host.open({});
    await enqueue();
    const later = Date.now() + 61_000;
    jest.spyOn(Date, 'now').mockReturnValue(later);
    // What comes now does not make the first one younger.
    await enqueue();
    await until(async () => (await host.queue('agent-runs').getWaitingCount()) === 2);
    expect(await check()).toMatchObject({
      status: 'degraded',
      details: { 'agent-runs': { waiting: 2 } },
      problem: 'Jobs of agent-runs wait for more than 60 s',
    });
  });

  it('is bad when what they are in has lost them', async () => {
    await open();
    jest.spyOn(host.queue('agent-runs'), 'isPaused').mockRejectedValue(new Error('relation does not exist'));
    expect(await check()).toMatchObject({
      status: bad,
      problem: 'The queues do not work',
      cause: { reason: 'QUEUE_UNAVAILABLE', cause: { message: 'relation does not exist' } },
    });
  });
});
