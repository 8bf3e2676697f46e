import { setTimeout as delay } from 'node:timers/promises';
import type { DurableEvent } from '@clarion/protocol';
import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { createTestDatabase, rowsOf, type TestDatabase } from '../support/database';
import { redisIsHere, RedisServer } from '../support/redis-server';
import { TcpProxy } from '../support/tcp-proxy';
import { disconnected, expectCompleted, expectGapless } from './load';

jest.setTimeout(90_000);

const TAKEOVER_LIMIT_MS = 5_000;
const OUTAGE_MS = 10_000;
const LOST = /^Lost the lease of a run/;

const clients: ChatClient[] = [];

async function connect(clarion: ClarionProcess, cursor?: string): Promise<ChatClient> {
  const client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice'), cursor });
  clients.push(client);
  return client;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

describe('one process', () => {
  let clarion: ClarionProcess;

  afterEach(() => clarion.dispose());

  const start = async (env: Record<string, string> = {}) => {
    clarion = await ClarionProcess.start({ env });
    return connect(clarion);
  };

  it.each([
    ['that may be repeated: it is, and the answer is whole', true, { type: 'agent_completed', attempt: 2 }],
    [
      'that may not: the run ends and says why',
      false,
      { type: 'agent_failed', data: { error: { code: 1008, reason: 'STEP_OUTCOME_UNKNOWN' } } },
    ],
  ])('killed in a tool %s', async (_what, idempotent, expected) => {
    const before = await start();
    const fail = { kind: 'crash', phase: 'tool', on_attempts: [1] };
    const { run_id } = await before.drill({ tokens: 5, per_second: 0, tools: 2, idempotent, fail });
    await Promise.all([clarion.exit(), disconnected(before)]);
    clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
    const after = await connect(clarion, before.cursor);
    expect(await after.ended(run_id)).toMatchObject(expected);
    if (idempotent) expectCompleted(after, run_id, drillWords(5));
    expectGapless([...before.events, ...after.events]);
  });

  it('killed in the middle of an answer goes on after its last step, in the words that the reader has', async () => {
    const before = await start();
    const fail = { kind: 'crash', at_token: 50, on_attempts: [1] };
    const { run_id } = await before.drill({ tokens: 80, per_second: 400, words_per_step: 20, fail });
    await Promise.all([clarion.exit(), disconnected(before)]);
    clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
    const after = await connect(clarion, before.cursor);
    await after.ended(run_id);
    expect(after.of('agent_recovering').map(({ data }) => data.keep_index)).toEqual([drillWords(40).length]);
    expectCompleted(after, run_id, drillWords(80));
  });

  it('killed in a called agent calls it again, and none of the tools that it or its caller had used', async () => {
    const before = await start();
    const fail = { kind: 'crash', at_token: 3, on_attempts: [1] };
    const call = { tokens: 5, per_second: 0, tools: 2, idempotent: false, fail };
    const { run_id } = await before.drill({ tokens: 5, per_second: 0, tools: 1, idempotent: false, call });
    await Promise.all([clarion.exit(), disconnected(before)]);
    clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
    const after = await connect(clarion, before.cursor);
    expect(await after.ended(run_id)).toMatchObject({ type: 'agent_completed', attempt: 2 });
    expectCompleted(after, run_id, drillWords(5));
    const all = [...before.of('tool_completed'), ...after.of('tool_completed')];
    const tools = new Map(all.map((event) => [event.seq, `${event.path} ${event.data.summary}`]));
    expect([...tools.values()]).toEqual(['null Call 1 of 1', 'drill Call 1 of 2', 'drill Call 2 of 2']);
    expectGapless([...before.events, ...after.events]);
  });

  it('is not held up by a provider that stalls after 50 tokens: the answer goes on from what was kept', async () => {
    const client = await start({ RUN_STALL_TIMEOUT_MS: '500' });
    const fail = { kind: 'hang', at_token: 50, on_attempts: [1] };
    const { run_id } = await client.drill({ tokens: 80, per_second: 0, words_per_step: 20, fail });
    await client.ended(run_id);
    expect(client.of('agent_retrying')).toMatchObject([
      { attempt: 2, data: { keep_index: drillWords(40).length, error: { reason: 'AGENT_STALLED' } } },
    ]);
    expect(client.answers.get(run_id)?.answer).toBe(drillWords(80));
    expectCompleted(client, run_id, drillWords(80));
    expect(client.schemaProblems).toEqual([]);
  });

  it('is not held up by a tool that never returns', async () => {
    const client = await start({ TOOL_TIMEOUT_MS: '500' });
    const fail = { kind: 'hang', phase: 'tool', on_attempts: [1] };
    const { run_id } = await client.drill({ tokens: 5, per_second: 0, tools: 1, fail });
    await client.ended(run_id);
    expect(client.of('tool_completed').map(({ data }) => data.error?.reason)).toEqual(['TOOL_TIMEOUT', undefined]);
    expectCompleted(client, run_id, drillWords(5));
  });
});

(redisIsHere() ? describe : describe.skip)('two processes', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let redis: RedisServer;
  let both: [ClarionProcess, ClarionProcess];

  beforeEach(async () => {
    database = await createTestDatabase();
    proxy = await TcpProxy.before(database.url);
    redis = await RedisServer.start();
    const env = { DATABASE_URL: proxy.through(database.url), REDIS_URL: redis.url };
    both = [await ClarionProcess.start({ env }), await ClarionProcess.start({ env })];
  });

  afterEach(async () => {
    proxy.heal();
    for (const clarion of both) clarion.signal('SIGCONT');
    for (const clarion of both) await clarion.dispose();
    await redis.kill();
    await proxy.close();
    await database.drop();
  });

  /** The process that has the run, and the other one. */
  async function workerOf(runId: string): Promise<{ worker: ClarionProcess; other: ClarionProcess }> {
    const text = 'SELECT w.pid FROM runs r JOIN workers w ON w.id = r.worker_id WHERE r.id = $1';
    let [found] = await rowsOf<{ pid: number }>(database.url, text, [runId]);
    while (found === undefined) [found] = await rowsOf<{ pid: number }>(database.url, text, [runId]);
    const [first, second] = both;
    return found.pid === first.pid ? { worker: first, other: second } : { worker: second, other: first };
  }

  async function expectTakenOver(runId: string, client: ChatClient, tokens: number): Promise<void> {
    await client.until(() => client.of('agent_recovering')[0], TAKEOVER_LIMIT_MS);
    await client.ended(runId);
    expectCompleted(client, runId, drillWords(tokens));
  }

  async function expectGhostSilent(ghost: ClarionProcess, client: ChatClient, runId: string): Promise<void> {
    const said = () => ghost.lines.filter(({ msg }) => typeof msg === 'string' && LOST.test(msg)).length;
    await ghost.until(() => said() > 0);
    await delay(1_000);
    expect(said()).toBe(1);
    const ofRun = (event: DurableEvent) => event.run_id === runId;
    expect(client.events.filter(ofRun).at(-1)?.type).toBe('agent_completed');
    const records = await rowsOf(database.url, 'SELECT reason FROM error_records WHERE run_id = $1', [runId]);
    expect(records).toEqual([{ reason: 'WORKER_LOST' }]);
  }

  it('take over from one that was frozen, which says once that it has lost the run and writes nothing', async () => {
    const readers = await Promise.all(both.map((clarion) => connect(clarion)));
    const { run_id } = await readers[0]!.drill({ tokens: 300, per_second: 60 });
    const { worker, other } = await workerOf(run_id);
    const client = readers[both.indexOf(other)]!;
    await client.until(() => client.answers.get(run_id)?.answer || undefined);
    worker.signal('SIGSTOP');
    await expectTakenOver(run_id, client, 300);
    worker.signal('SIGCONT');
    await expectGhostSilent(worker, client, run_id);
  });

  it('take over from one whose event loop is blocked', async () => {
    const readers = await Promise.all(both.map((clarion) => connect(clarion)));
    const fail = { kind: 'block', at_token: 30, on_attempts: [1] };
    const { run_id } = await readers[0]!.drill({ tokens: 100, per_second: 60, fail });
    const { worker, other } = await workerOf(run_id);
    const client = readers[both.indexOf(other)]!;
    await expectTakenOver(run_id, client, 100);
    await expectGhostSilent(worker, client, run_id);
  });

  it('take no live run over after the database was away for 10 s', async () => {
    const client = await connect(both[0]);
    const runs = [];
    for (let run = 0; run < 5; run += 1) runs.push(await client.drill({ tokens: 200, per_second: 12, think: 1 }));
    await client.until(() => (client.of('agent_thinking').length >= 5 ? true : undefined));
    proxy.refuse();
    await delay(OUTAGE_MS);
    proxy.heal();
    await both[0].until(() => both[0].answers('/health/ready'));
    const after = await connect(both[0], client.cursor);
    for (const { run_id } of runs) {
      await after.ended(run_id, 60_000);
      expectCompleted(after, run_id, drillWords(200));
    }
    expect(after.of('agent_recovering')).toEqual([]);
    expect(await rowsOf(database.url, 'SELECT max(attempt) AS attempt FROM runs')).toEqual([{ attempt: 1 }]);
  });
});
