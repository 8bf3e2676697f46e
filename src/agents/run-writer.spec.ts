import { DatabaseError } from 'pg';
import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { uncommitted } from '../../test/support/uncommitted';
import { ComponentError } from '../errors';
import { MailboxStore, UserBus, type NewEvent } from '../mailbox';
import type { Database, Transaction } from '../persistence';
import { RunEnding } from '.';
import { RunStop } from './active-runs';
import { RunLeases } from './run-leases.service';
import type { Run } from './run';
import { NextAttempts } from './next-attempts.service';
import { RunQuestions } from './run-questions.service';
import { RunSteps } from './run-steps.store';
import { RunWriter, type WriterStores } from './run-writer';
import { RunWrites } from './run-writes.service';

const AWAY = ComponentError.database('DATABASE_UNAVAILABLE');

describe('the writer of a run', () => {
  let test: TestDatabase;
  let engine: Engine;
  let run: Run;
  let told: DurableEvent[];

  beforeEach(async () => {
    test = await createTestDatabase();
    engine = await Engine.start(test.url);
    engine.queue.delivering = false;
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1 });
    run = (await engine.app.get(RunLeases).take(run_id, live))!;
    told = [];
    engine.app.get(UserBus).subscribe('ann', (signal) => {
      if (signal.kind === 'events') told.push(...signal.events);
    });
  });

  afterEach(async () => {
    await engine.stop();
    await test.drop();
  });

  const storesOver = (database: Database): WriterStores => {
    const mailbox = engine.app.get(MailboxStore);
    return {
      database,
      mailbox,
      writes: new RunWrites(database, mailbox, engine.app.get(RunSteps), engine.app.get(RunEnding)),
      next: engine.app.get(NextAttempts),
      questions: engine.app.get(RunQuestions),
    };
  };

  /** A database in which the outcomes of the given commits are unknown: they happen (`lost`) or not (`failed`). */
  const writerOver = (...faults: ('lost' | 'failed')[]) => {
    const database = {
      transaction: async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
        const fault = faults.shift();
        if (fault === undefined) return engine.database.transaction(work);
        await engine.database
          .transaction(async (tx) => {
            const silent = { ...tx, afterCommit: () => undefined };
            await work(fault === 'failed' ? uncommitted(silent) : silent);
            if (fault === 'failed') throw AWAY;
          })
          .catch((error: unknown) => expect(error).toBe(AWAY));
        throw AWAY;
      },
    } as Pick<Database, 'transaction'> as Database;
    return new RunWriter(run, storesOver(database));
  };

  const live = new AbortController().signal;
  const completed = { status: 'completed', content: 'done', usage: null } as const;
  const step = (text: string): NewEvent => ({
    type: 'agent_thinking',
    data: { text, step: 1 },
    thread_id: run.thread_id,
    run_id: run.id,
    attempt: run.attempt,
  });
  const texts = async () =>
    (await engine.events('ann')).flatMap(({ type, data }) =>
      type === 'agent_thinking' ? [(data as { text: string }).text] : [],
    );
  const ends = async () => (await engine.events('ann')).filter(({ type }) => TERMINAL_EVENTS.has(type));

  it.each([[['lost']], [['failed']], [['lost', 'lost', 'failed']], [['failed', 'lost', 'failed']]] as const)(
    'writes an event once though commits were %j, and tells of it',
    async (faults) => {
      const writer = writerOver(...faults);
      await writer.append([step('one')], live);
      await writer.append([step('two')], live);
      expect(await texts()).toEqual(['one', 'two']);
      expect(told.map(({ seq }) => seq)).toEqual([4, 5]);
    },
  );

  it.each([[['lost']], [['failed', 'lost']], [['lost', 'failed', 'lost']]] as const)(
    'ends the run once though commits were %j, and tells of it',
    async (faults) => {
      await writerOver(...faults).end(completed, live);
      expect(await ends()).toMatchObject([{ type: 'agent_completed', data: { content: 'done' } }]);
      expect(told.at(-1)).toMatchObject({ type: 'agent_completed' });
    },
  );

  it.each([[['lost']], [['failed', 'lost']], [['lost', 'failed', 'lost']]] as const)(
    'asks the user once though commits were %j, and tells of it',
    async (faults) => {
      const question = { key: 'ask:1', prompt: 'Well?', schema: {}, expiresInMs: 60_000, path: null };
      await writerOver(...faults).ask(question, { text: '', usage: null, firstOutputMs: null, shutdown: live });
      const asked = (await engine.events('ann')).filter(({ type }) => type === 'input_required');
      expect(asked).toMatchObject([{ data: { prompt: 'Well?' } }]);
      expect(told.at(-1)).toMatchObject({ type: 'input_required' });
    },
  );

  it('does not take the end that somebody else wrote for its own', async () => {
    await engine.app.get(RunEnding).cancel('ann', run.id);
    await expect(writerOver().end(completed, live)).rejects.toMatchObject({ kind: 'lease_lost' });
    await expect(writerOver().append([step('late')], live)).rejects.toBeInstanceOf(RunStop);
    expect(await ends()).toMatchObject([{ type: 'agent_cancelled' }]);
  });

  it('writes nothing after a takeover', async () => {
    await engine.database.query('UPDATE runs SET worker_id = NULL');
    const second = await engine.app.get(RunLeases).take(run.id, live);
    expect(second).toMatchObject({ attempt: 2, fence: 2, writes: 0 });
    await expect(writerOver().append([step('ghost')], live)).rejects.toMatchObject({ kind: 'lease_lost' });
    await expect(writerOver().end(completed, live)).rejects.toMatchObject({ kind: 'lease_lost' });
    expect(await texts()).toEqual([]);
    expect(await ends()).toEqual([]);
  });

  it('goes on under a lease that was given up but that nobody took', async () => {
    await engine.database.query('UPDATE runs SET worker_id = NULL');
    const writer = writerOver();
    await writer.append([step('late')], live);
    await writer.end(completed, live);
    expect(await texts()).toEqual(['late']);
    expect(await ends()).toHaveLength(1);
  });

  it.each(['42703', '42501', '22P05', '23505'])('does not wait for what waiting does not mend: %s', async (code) => {
    const refused = Object.assign(new DatabaseError('refused', 1, 'error'), { code });
    let tries = 0;
    const database = {
      transaction: () => {
        tries += 1;
        return Promise.reject(refused);
      },
    } as unknown as Database;
    const writer = new RunWriter(run, storesOver(database));
    await expect(writer.end(completed, live)).rejects.toBe(refused);
    expect(tries).toBe(1);
  });

  it('writes no event once it is told to stop, but still tries to end the run', async () => {
    const stopped = AbortSignal.abort(new RunStop('shutdown'));
    await expect(writerOver().append([step('late')], stopped)).rejects.toMatchObject({ kind: 'shutdown' });
    expect(await texts()).toEqual([]);
    await writerOver().end(completed, stopped);
    expect(await ends()).toHaveLength(1);
  });

  it('stops waiting for the database when its process stops', async () => {
    const stopping = new AbortController();
    const database = { transaction: () => Promise.reject(AWAY) } as unknown as Database;
    const writer = new RunWriter(run, storesOver(database));
    const ending = writer.end(completed, stopping.signal);
    setImmediate(() => stopping.abort(new RunStop('shutdown')));
    await expect(ending).rejects.toMatchObject({ kind: 'shutdown' });
  });
});
