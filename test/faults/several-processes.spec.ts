import type { ComponentReport } from '@clarion/protocol';
import { type ChatClient, drillWords, Refused } from '../support/chat-client';
import type { ClarionProcess } from '../support/clarion-process';
import { Cluster } from '../support/cluster';
import { rowsOf } from '../support/database';
import { redisIsHere } from '../support/redis-server';
import { expectGapless } from './load';

jest.setTimeout(90_000);

(redisIsHere() ? describe : describe.skip)('a deployment of several processes', () => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.create();
  });

  afterEach(() => cluster.dispose());

  /** Health as admins see it. */
  async function report(clarion: ClarionProcess): Promise<ComponentReport> {
    const token = await cluster.token('root', 'admin');
    return (await clarion.get<ComponentReport>('/health/components', token)).body;
  }

  const written = (client: ChatClient, run: string) => client.answers.get(run)?.answer.length ?? 0;

  it('answers through a gateway what a worker writes, and says who does what', async () => {
    const [gateway, worker] = await Promise.all([cluster.start('gateway'), cluster.start('worker')]);
    const client = await cluster.connect(gateway, 'alice');
    const { run_id } = await client.drill({ tokens: 50, per_second: 200, think: 1, tools: 1 });
    await client.ended(run_id);
    expect(client.of('agent_completed')[0]?.data.content).toBe(drillWords(50));
    expectGapless(client.events);

    const refusal = await cluster.connect(worker, 'alice').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refused);
    expect((refusal as Refused).envelope.error).toMatchObject({ reason: 'NOT_A_GATEWAY', retryable: true });
    expect((await report(worker)).component_details.supervisor).toMatchObject({ status: 'healthy' });
    expect(await gateway.get('/admin/queues/api/queues', await cluster.token('root', 'admin'))).toMatchObject({
      status: 200,
      body: { queues: expect.arrayContaining([expect.objectContaining({ name: 'agent-runs' })]) as unknown },
    });
  });

  it('keeps what a gateway alone accepts until a worker comes', async () => {
    const gateway = await cluster.start('gateway');
    await gateway.until(async () => (await report(gateway)).component_details.supervisor?.status === 'degraded');
    expect((await report(gateway)).component_details.supervisor).toMatchObject({ error_code: 1008 });
    const client = await cluster.connect(gateway, 'alice');
    const { run_id } = await client.drill({ tokens: 5 });
    await cluster.start('worker');
    await client.ended(run_id);
    expect(client.of('agent_completed')[0]?.data.content).toBe(drillWords(5));
  });

  it('takes over within five seconds what a killed worker leaves, exactly', async () => {
    const [gateway, ...workers] = await Promise.all([
      cluster.start('gateway'),
      cluster.start('worker'),
      cluster.start('worker'),
    ]);
    const client = await cluster.connect(gateway, 'alice');
    const { run_id } = await client.drill({ tokens: 60, per_second: 30 });
    await client.until(() => (written(client, run_id) > 20 ? true : undefined));
    const [owner] = await rowsOf<{ pid: number }>(
      cluster.database.url,
      'SELECT w.pid FROM workers w JOIN runs r ON r.worker_id = w.id WHERE r.id = $1',
      [run_id],
    );
    const killedAt = performance.now();
    await workers.find(({ pid }) => pid === owner?.pid)!.crash();
    await client.until(() => client.of('agent_recovering')[0]);
    expect(performance.now() - killedAt).toBeLessThan(5_000);
    await client.ended(run_id);
    expect(client.of('agent_completed')[0]?.data.content).toBe(drillWords(60));
    expectGapless(client.events);
  });

  it('shows a user the same on two gateways, and cancels from one what was begun on the other', async () => {
    const [one, two] = await Promise.all([cluster.start('gateway'), cluster.start('gateway'), cluster.start('worker')]);
    const [here, there] = [await cluster.connect(one, 'alice'), await cluster.connect(two, 'alice')];
    const { run_id } = await here.drill({ tokens: 2_000, per_second: 50 });
    await here.until(() => (written(here, run_id) > 20 ? true : undefined));
    await there.until(() => there.of('agent_started')[0]);
    expect(await there.request('run_cancel', { run_id })).toMatchObject({ ok: true, status: 'cancelled' });
    await Promise.all([here.ended(run_id), there.ended(run_id)]);
    expect(here.events.map(({ id }) => id)).toEqual(there.events.map(({ id }) => id));
    const { run_id: next } = await here.drill({ tokens: 5 });
    await there.ended(next);
  });

  it('loses nothing when Redis is killed in mid-answer with all it knew, says so, and is well soon after its return', async () => {
    const [gateway] = await Promise.all([cluster.start('gateway'), cluster.start('worker')]);
    const client = await cluster.connect(gateway, 'alice');
    const { run_id } = await client.drill({ tokens: 150, per_second: 30 });
    await client.until(() => (written(client, run_id) > 20 ? true : undefined));
    await cluster.redis.kill();
    await gateway.until(async () => (await report(gateway)).degraded_components.includes('redis'));
    const { failed_components, component_details } = await report(gateway);
    expect(failed_components).toEqual([]);
    expect(component_details.redis).toMatchObject({
      status: 'degraded',
      error_code: 1007,
      reason: 'REDIS_UNAVAILABLE',
    });

    const late = await cluster.connect(gateway, 'bob');
    expect(late.ephemeral('connection_established')[0]?.degraded_components).toContain('redis');
    const delayed = await late.drill({ tokens: 5 });
    await late.until(() => late.of('notification').find(({ data }) => data.error.reason === 'RUN_DELAYED'));
    expect(late.of('notification')[0]?.data.error).toMatchObject({ code: 1007 });

    await cluster.redis.restart();
    const returnedAt = performance.now();
    await late.ended(delayed.run_id);
    expect(performance.now() - returnedAt).toBeLessThan(7_000);
    await client.ended(run_id);
    expect(client.of('agent_completed')[0]?.data.content).toBe(drillWords(150));
    expectGapless(client.events);
    expectGapless(late.events);
    await gateway.until(async () => (await report(gateway)).component_details.redis?.status === 'healthy');
  });

  it('starts, listens and accepts while Redis is away, and goes on when it comes', async () => {
    await cluster.redis.kill();
    const clarion = await cluster.start('all');
    expect(await report(clarion)).toMatchObject({ status: 'degraded', failed_components: [] });
    const client = await cluster.connect(clarion, 'alice');
    const { run_id } = await client.drill({ tokens: 5 });
    await client.until(() => client.of('notification')[0]);
    await cluster.redis.restart();
    await client.ended(run_id);
    expect(client.of('agent_completed')[0]?.data.content).toBe(drillWords(5));
  });

  it('keeps out a process that would not hear of the others', async () => {
    await cluster.start('gateway');
    await expect(cluster.start('all', { REDIS_URL: '' })).rejects.toThrow('ANOTHER_PROCESS_RUNNING');
  });
});
