import type { AgentDelta } from '@clarion/protocol';
import { drillWords } from '../../test/support/chat-client';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { RunExecutor, type RunWakeUp } from '../agents';
import { UserBus } from '../mailbox';
import type { BackendWorker } from './bull';
import { BullRunQueue } from './bull-run-queue';
import { QUEUES } from './queue-definitions';
import { BACKENDS, createHost, onlyRuns, type TestBackend, until } from './queues.fixture';

/** Long enough that the second delivery comes in the middle of it. */
const TOKENS = 120;
const SLOWLY = { tokens: TOKENS, per_second: 30, think: 1, tools: 1 };
const ONCE = [
  'message_created',
  'run_queued',
  'agent_started',
  'agent_thinking',
  'tool_executing',
  'tool_completed',
  'agent_completed',
];

/** A process: its engine, and its worker on the queue that all share. */
interface Process {
  readonly engine: Engine;
  readonly created: ReturnType<typeof createHost>;
  readonly deltas: AgentDelta[];
}

describe.each(BACKENDS)('a job that is delivered twice, by a queue on %s', (_name, start) => {
  let server: TestBackend;
  let database: TestDatabase;
  let processes: Process[];
  /** Who was given a job, in order. */
  let delivered: Process[];
  /** What a delivery waits for before it wakes the run. */
  let held: () => Promise<void>;
  let doubled: boolean;

  /** With room for one job: the second delivery goes to whoever is left. */
  const launch = async (concurrency: string): Promise<Process> => {
    const engine = await Engine.start(database.url);
    const created = createHost(server.backend, { WORKER_CONCURRENCY: concurrency });
    const bull = new BullRunQueue(created.host, server.backend);
    jest.spyOn(engine.queue, 'enqueue').mockImplementation(async (wakeUps) => {
      await bull.enqueue(wakeUps);
      if (doubled) await enqueueAgain(created, wakeUps);
    });
    const pending = (wakeUps: readonly RunWakeUp[]) => bull.pending(wakeUps);
    jest.spyOn(engine.queue, 'pending').mockImplementation(pending as never);
    const launched: Process = { engine, created, deltas: [] };
    const { 'agent-runs': work } = onlyRuns(engine.app.get(RunExecutor), engine.database).all();
    await created.host.open({
      'agent-runs': async (job, attempt) => {
        delivered.push(launched);
        await held();
        await work!(job, attempt);
      },
    });
    engine.app.get(UserBus).subscribe('ann', (signal) => signal.kind === 'delta' && launched.deltas.push(signal.delta));
    processes.push(launched);
    return launched;
  };

  beforeEach(async () => {
    [server, database] = await Promise.all([start(), createTestDatabase()]);
    [processes, delivered, doubled, held] = [[], [], false, async () => undefined];
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    for (const { created } of processes) await created.host.close();
    for (const { engine } of processes) await engine.stop();
    await server.stop();
    await database.drop();
  });

  const counts = (of: Process) => of.created.host.queue('agent-runs').getJobCounts('completed', 'failed', 'active');

  /** Sends every wake-up as two jobs, which both have arrived before either wakes the run. */
  const twins = (): void => {
    const both = Promise.withResolvers<void>();
    doubled = true;
    held = () => {
      if (delivered.length === 2) both.resolve();
      return both.promise;
    };
  };

  /** One attempt under one lease, its events once and in order, every character once, and no failure of anybody. */
  const expectOneRun = async (runId: string): Promise<void> => {
    const { engine } = processes[0]!;
    const events = await engine.events('ann');
    expect(events.map(({ type }) => type)).toEqual(ONCE);
    expect(events.map(({ seq }) => seq)).toEqual(ONCE.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ run_id: runId, attempt: 1, data: { content: drillWords(TOKENS) } });
    const written = processes.map(({ deltas }) => deltas.map(({ text }) => text).join(''));
    expect(written.filter((text) => text !== '')).toEqual([drillWords(TOKENS)]);
    const leases = 'SELECT fence, attempt, jsonb_array_length(leases) AS leases FROM runs';
    expect(await engine.database.query(leases)).toEqual([{ fence: 1, attempt: 1, leases: 1 }]);
    expect(await engine.database.query('SELECT reason FROM error_records')).toEqual([]);
    expect(processes.flatMap(({ created }) => created.reporter.reported)).toEqual([]);
  };

  it('to two processes at the same moment is one run, and both jobs are done', async () => {
    const [one, two] = [await launch('1'), await launch('1')];
    twins();
    const { run_id } = await one.engine.drill('ann', 'm1', SLOWLY);
    await one.engine.untilEnded('ann', run_id);
    await until(async () => (await counts(one)).completed === 2);
    expect(new Set(delivered)).toEqual(new Set([one, two]));
    await expectOneRun(run_id);
  });

  it('to one process at the same moment is one run, and both jobs are done', async () => {
    const alone = await launch('2');
    twins();
    const { run_id } = await alone.engine.drill('ann', 'm1', SLOWLY);
    await alone.engine.untilEnded('ann', run_id);
    await until(async () => (await counts(alone)).completed === 2);
    expect(delivered).toEqual([alone, alone]);
    await expectOneRun(run_id);
  });

  it('because its lock was lost while its run goes on, is one run, which nobody disturbs', async () => {
    jest.replaceProperty(QUEUES['agent-runs'], 'lockDuration', 500);
    const [one, two] = [await launch('1'), await launch('1')];
    for (const { created } of processes) jest.spyOn(workerOf(created), 'extendJobLocks').mockResolvedValue([]);
    const { run_id } = await one.engine.drill('ann', 'm1', SLOWLY);
    await until(() => delivered.length === 2);
    const [status] = await one.engine.database.query<{ status: string }>('SELECT status FROM runs');
    expect(status).toEqual({ status: 'running' });
    await one.engine.untilEnded('ann', run_id);
    await until(async () => (await counts(one)).active === 0);
    expect(new Set(delivered)).toEqual(new Set([one, two]));
    expect(await counts(one)).toEqual({ completed: 1, failed: 0, active: 0 });
    await expectOneRun(run_id);
  });
});

function workerOf({ host }: Process['created']): BackendWorker {
  const { opened } = host as unknown as { opened: { workers: Map<string, { worker: BackendWorker }> } };
  return opened.workers.get('agent-runs')!.worker;
}

/** Another id: of one id the queue would make one job. */
async function enqueueAgain({ host }: Process['created'], wakeUps: readonly RunWakeUp[]): Promise<void> {
  const queue = host.queue('agent-runs');
  for (const { run_id, dispatch } of wakeUps)
    await queue.add('run', { run_id, dispatch }, { jobId: `again-${run_id}` });
}
