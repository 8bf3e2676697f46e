import { setTimeout as pause } from 'node:timers/promises';
import { drillWords } from '../../test/support/chat-client';
import { createTestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import type { FailureReporter } from '../errors';
import type { Database } from '../persistence';
import { RunEnding } from '.';
import type { ActiveRuns } from './active-runs';
import { Checkpoints } from './checkpoints.service';

const PLACE = { fence: 1, attempt: 1, index: 0 };

/** A database whose writes are answered, or refused, when the test says so. */
class SlowDatabase {
  ready = true;
  readonly texts: string[] = [];
  /** How many runs each statement was for. */
  readonly sizes: number[] = [];
  readonly answers: PromiseWithResolvers<{ id: string }[]>[] = [];

  query(_text: string, values: readonly unknown[]): Promise<{ id: string }[]> {
    this.texts.push(...(values[4] as string[]));
    this.sizes.push((values[0] as string[]).length);
    const answer = Promise.withResolvers<{ id: string }[]>();
    this.answers.push(answer);
    return answer.promise;
  }

  async asked(times: number): Promise<PromiseWithResolvers<{ id: string }[]>> {
    for (;;) {
      const answer = this.answers[times - 1];
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

describe('The checkpoints of a run', () => {
  let database: SlowDatabase;
  let checkpoints: Checkpoints;
  let stopped: unknown[][];

  beforeEach(() => {
    database = new SlowDatabase();
    const reporter = { report: () => Promise.resolve() } as unknown as FailureReporter;
    stopped = [];
    const active = { stop: (...what: unknown[]) => stopped.push(what) } as unknown as ActiveRuns;
    checkpoints = new Checkpoints(database as unknown as Database, active, reporter);
    checkpoints.start();
  });

  afterEach(() => checkpoints.stop());

  it('are not settled while a write of them is under way, which may fail and be made again', async () => {
    checkpoints.add('run', PLACE, 'some words');
    const first = await database.asked(1);
    let settled = false;
    const settling = checkpoints.settle('run', new AbortController().signal).then(() => (settled = true));
    first.reject(new Error('the database is away'));
    const second = await database.asked(2);
    expect(settled).toBe(false);
    second.resolve([{ id: 'run' }]);
    await settling;
    expect(database.texts).toEqual(['some words', 'some words']);
  });

  it('are settled at once where nothing is owed', async () => {
    await checkpoints.settle('run', AbortSignal.abort());
    expect(database.texts).toEqual([]);
  });

  const held = (ids: readonly string[]) => ids.map((id) => ({ id }));

  it('are one statement for all runs of the process, with all that each has written since the last', async () => {
    const runs = Array.from({ length: 500 }, (_, at) => `run-${at}`);
    for (const word of ['some ', 'words']) for (const run of runs) checkpoints.add(run, PLACE, word);
    (await database.asked(1)).resolve(held(runs));
    checkpoints.add('run-7', { ...PLACE, index: 10 }, ', and more');
    (await database.asked(2)).resolve(held(['run-7']));
    await checkpoints.settle('run-7', new AbortController().signal);
    expect(database.sizes).toEqual([500, 1]);
    expect(database.texts).toEqual([...runs.map(() => 'some words'), ', and more']);
    expect(stopped).toEqual([]);
  });

  it('stop the runs whose lease is not held any more, and those alone', async () => {
    for (const run of ['mine', 'lost']) checkpoints.add(run, PLACE, 'words');
    (await database.asked(1)).resolve(held(['mine']));
    await checkpoints.settle('lost', new AbortController().signal);
    expect(stopped).toEqual([['lost', 'lease_lost', PLACE.fence]]);
  });

  it('are not asked of a database that is away, and come when it is back', async () => {
    database.ready = false;
    checkpoints.add('run', PLACE, 'x'.repeat(5_000));
    await new Promise(setImmediate);
    expect(database.sizes).toEqual([]);
    database.ready = true;
    (await database.asked(1)).resolve(held(['run']));
    await checkpoints.settle('run', new AbortController().signal);
    expect(database.texts).toEqual(['x'.repeat(5_000)]);
  });
});

describe('A checkpoint', () => {
  const EVERY_MS = 250;
  const EVERY_CHARS = 2_048;
  let database: SlowDatabase;
  let checkpoints: Checkpoints;

  beforeEach(() => {
    jest.useFakeTimers();
    database = new SlowDatabase();
    const reporter = { report: () => Promise.resolve() } as unknown as FailureReporter;
    const active = { stop: () => undefined } as unknown as ActiveRuns;
    checkpoints = new Checkpoints(database as unknown as Database, active, reporter);
    checkpoints.start();
  });

  afterEach(async () => {
    await checkpoints.stop();
    jest.useRealTimers();
  });

  it('is written after 250 ms, however little there is, and none where nothing was written', async () => {
    await jest.advanceTimersByTimeAsync(10 * EVERY_MS);
    expect(database.sizes).toEqual([]);
    checkpoints.add('run', PLACE, 'w0');
    await jest.advanceTimersByTimeAsync(EVERY_MS - 1);
    expect(database.sizes).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(database.texts).toEqual(['w0']);
    database.answers[0]!.resolve([{ id: 'run' }]);
  });

  it('is written at once where a run has written 2 KB, with what others have', async () => {
    checkpoints.add('other', PLACE, 'w0');
    checkpoints.add('run', PLACE, 'x'.repeat(EVERY_CHARS - 2));
    checkpoints.add('run', PLACE, 'x');
    await jest.advanceTimersByTimeAsync(0);
    expect(database.sizes).toEqual([]);
    checkpoints.add('run', PLACE, 'x');
    await jest.advanceTimersByTimeAsync(0);
    expect(database.texts).toEqual(['w0', 'x'.repeat(EVERY_CHARS)]);
    database.answers[0]!.resolve([{ id: 'run' }]);
  });

  it('is written at once where the first piece of a run is 2 KB already', async () => {
    checkpoints.add('run', PLACE, 'x'.repeat(EVERY_CHARS));
    await jest.advanceTimersByTimeAsync(0);
    expect(database.texts).toEqual(['x'.repeat(EVERY_CHARS)]);
    database.answers[0]!.resolve([{ id: 'run' }]);
  });
});

describe('The checkpoints of a process', () => {
  const RUNS = 40;
  const TOKENS = 80;

  it('are as many statements for forty runs as for one, which together hold what was written', async () => {
    const test = await createTestDatabase();
    const engine = await Engine.start(test.url, { env: { RUNS_PER_USER: '0' } });
    try {
      const query = jest.spyOn(engine.database, 'query');
      const sent = Array.from({ length: RUNS }, (_, at) =>
        engine.drill('ann', `m${at}`, { tokens: TOKENS, per_second: 60, fail: { kind: 'hang', at_token: TOKENS } }),
      );
      const runs = (await Promise.all(sent)).map(({ run_id }) => run_id);
      const began = performance.now();
      const texts = `SELECT run_id, string_agg(text, '' ORDER BY index) AS text FROM run_text GROUP BY run_id`;
      const kept = () => engine.database.query<{ run_id: string; text: string }>(texts);
      while ((await kept()).filter(({ text }) => text === drillWords(TOKENS)).length < RUNS) await pause(50);
      const took = performance.now() - began;
      const sizes = query.mock.calls.flatMap(([text, values = []]) =>
        text.includes('INSERT INTO run_text') ? [(values[0] as string[]).length] : [],
      );
      // One for every 250 ms, and those at the edges.
      expect(sizes.length).toBeLessThanOrEqual(took / 250 + 2);
      expect(Math.max(...sizes)).toBeGreaterThan(RUNS / 2);
      expect(new Set((await kept()).map(({ run_id }) => run_id))).toEqual(new Set(runs));
      await Promise.all(runs.map((run) => engine.app.get(RunEnding).cancel('ann', run)));
      expect(await kept()).toEqual([]);
    } finally {
      await engine.stop();
      await test.drop();
    }
  });
});
