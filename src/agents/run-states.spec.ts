import { RUN_STATUSES, TERMINAL_STATUSES, type RunStatus } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { ComponentError, FailureReporter } from '../errors';
import { RunEnding, RunQuestions } from '.';
import { AgentRegistry } from './agent-registry';
import { Reconciler } from './reconciler.service';
import { RUN_COLUMNS, type Run } from './run';
import { RunLeases } from './run-leases.service';
import { RunFailures } from './run-failures.service';
import { TRANSITIONS, type Transition } from './run-states';
import { RunWriters } from './run-writers.service';
import { Workers } from './workers.service';

const NOBODY = '01940000-0000-7000-8000-000000000001';
const QUESTION = { key: 'ask:1', prompt: 'Well?', schema: {}, expiresInMs: 60_000, path: null };
const live = new AbortController().signal;

/** SQL: what else a run has to be for the transition, whatever its status: only the status may forbid it. */
const READY: Record<Transition, string> = {
  start: `attempt = 0`,
  claim: `attempt = 1, worker_id = NULL`,
  recover: `attempt = 1, worker_id = NULL`,
  ask: `attempt = 1`,
  resolve: `attempt = 1`,
  resume: `attempt = 1, next_attempt_at = now()`,
  retry: `attempt = 1`,
  fall_back: `attempt = 1`,
  hand_over: `attempt = 1`,
  orphan: `attempt = 1, worker_id = '${NOBODY}'`,
  complete: `attempt = 1`,
  fail: `attempt = max_attempts, worker_id = NULL, waiting_since = now() - interval '1 day'`,
  cancel: `attempt = 1`,
};

/** Statuses in which a way of bringing the transition about does another one, by the table too. */
const ANOTHER: Partial<Record<Transition, readonly RunStatus[]>> = {
  // Taking a lease starts, claims or resumes a run, whichever its status asks for.
  start: ['running', 'waiting'],
  claim: ['waiting'],
  recover: ['queued', 'waiting'],
  resume: ['queued', 'running'],
};

describe('the states of a run', () => {
  let database: TestDatabase;
  let engine: Engine;
  let sent = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    engine = await Engine.start(database.url);
    engine.queue.delivering = false;
    jest.spyOn(engine.app.get(Reconciler), 'reconcile').mockResolvedValue(undefined);
  });

  afterAll(async () => {
    await engine.stop();
    await database.drop();
  });

  /** A run in that status, fit for the transition. */
  const runIn = async (status: RunStatus, transition: Transition): Promise<Run> => {
    const { run_id } = await engine.drill(`user-${(sent += 1)}`, 'm1', { tokens: 1 });
    const [run] = await engine.database.query<Run>(
      `UPDATE runs SET status = $2, finished_at = $3, fence = 1, worker_id = $4, ${READY[transition].replace(/worker_id = [^,]+/, 'dispatch = dispatch')}
       WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
      [run_id, status, TERMINAL_STATUSES.has(status) ? new Date() : null, workerOf(status, transition)],
    );
    return run!;
  };

  const workerOf = (status: RunStatus, transition: Transition): string | null => {
    if (status !== 'running' || READY[transition].includes('worker_id = NULL')) return null;
    return transition === 'orphan' ? NOBODY : engine.app.get(Workers).id;
  };

  const now = async ({ id }: Run) =>
    (await engine.database.query<Run>(`SELECT ${RUN_COLUMNS} FROM runs WHERE id = $1`, [id]))[0]!;

  /** An open question, whose id is the run's. */
  const ask = ({ id }: Run) =>
    engine.database.query(
      `INSERT INTO run_inputs (id, run_id, key, text_length, prompt, schema, expires_at) VALUES ($1, $1, 'ask:1', 0, '', '{}', now() + interval '1 day')`,
      [id],
    );

  const goOn = async (run: Run, kind: 'retry' | 'fall_back') => {
    const failure = await engine.app
      .get(FailureReporter)
      .report(ComponentError.agentSupervisor('AGENT_FAILED'), { operation: 'test' });
    const agent = engine.app.get(AgentRegistry).get('guide');
    const verdict = kind === 'retry' ? { kind, agent, delayMs: 0 } : { kind, agent, why: 'not_retryable' as const };
    await engine.app.get(RunWriters).of(run).goOn({ verdict, failure }, live);
  };

  const bringAbout: Record<Transition, (run: Run) => Promise<unknown>> = {
    start: ({ id }) => engine.app.get(RunLeases).take(id, live),
    claim: ({ id }) => engine.app.get(RunLeases).take(id, live),
    recover: ({ id }) => engine.app.get(RunLeases).take(id, live),
    ask: (run) =>
      engine.app.get(RunWriters).of(run).ask(QUESTION, { text: '', usage: null, firstOutputMs: null, shutdown: live }),
    resolve: async (run) => {
      await ask(run);
      const submission = { run_id: run.id, input_id: run.id, value: 'yes' };
      await engine.app.get(RunQuestions).submit(run.user_id, submission);
    },
    resume: ({ id }) => engine.app.get(RunLeases).take(id, live),
    retry: (run) => goOn(run, 'retry'),
    fall_back: (run) => goOn(run, 'fall_back'),
    hand_over: (run) => engine.app.get(RunLeases).handOver(run, null),
    orphan: () => engine.app.get<Reconciler, { orphanDead(): Promise<void> }>(Reconciler).orphanDead(),
    complete: (run) => engine.app.get(RunWriters).of(run).end({ status: 'completed', content: 'x', usage: null }, live),
    fail: async () => {
      const failures = engine.app.get(RunFailures);
      await failures.failExhausted(100);
      await failures.failExpired(100);
    },
    cancel: ({ id, user_id }) => engine.app.get(RunEnding).cancel(user_id, id),
  };

  const cases = (Object.keys(TRANSITIONS) as Transition[]).flatMap((transition) =>
    RUN_STATUSES.filter((status) => !ANOTHER[transition]?.includes(status)).map((status) => ({
      transition,
      status,
      legal: (TRANSITIONS[transition].from as readonly RunStatus[]).includes(status),
    })),
  );

  it.each(cases.filter(({ legal }) => legal))(
    '$transition leads on from $status, with its event',
    async ({ transition, status }) => {
      const run = await runIn(status, transition);
      const before = (await engine.events(run.user_id)).length;
      await bringAbout[transition](run);
      const after = await now(run);
      // The lease that claims a run begins its attempt as well.
      const { to, event, ...rest } = TRANSITIONS[transition === 'claim' ? 'recover' : transition];
      const begins = 'begins' in rest;
      expect(after.status).toBe(to);
      expect(after.attempt - run.attempt).toBe(begins ? 1 : 0);
      const told = (await engine.events(run.user_id)).slice(before).map(({ type, attempt }) => ({ type, attempt }));
      const attempt = after.attempt;
      expect(told).toEqual(event === null ? [] : [{ type: event, attempt }]);
    },
  );

  it.each(cases.filter(({ legal }) => !legal))(
    '$transition changes nothing of a run that is $status',
    async ({ transition, status }) => {
      const run = await runIn(status, transition);
      const before = (await engine.events(run.user_id)).length;
      await Promise.allSettled([bringAbout[transition](run)]);
      const { status: after, attempt, fence } = await now(run);
      expect({ after, attempt, fence }).toEqual({ after: status, attempt: run.attempt, fence: run.fence });
      expect(await engine.events(run.user_id)).toHaveLength(before);
    },
  );
});
