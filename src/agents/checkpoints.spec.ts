import type { FailureReporter } from '../errors';
import type { Database } from '../persistence';
import type { ActiveRuns } from './active-runs';
import { Checkpoints } from './checkpoints.service';

const PLACE = { fence: 1, attempt: 1, index: 0 };

/** A database whose writes are answered, or refused, when the test says so. */
class SlowDatabase {
  readonly ready = true;
  readonly texts: string[] = [];
  readonly answers: PromiseWithResolvers<{ id: string }[]>[] = [];

  query(_text: string, values: readonly unknown[]): Promise<{ id: string }[]> {
    this.texts.push(...(values[4] as string[]));
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

  beforeEach(() => {
    database = new SlowDatabase();
    const reporter = { report: () => Promise.resolve() } as unknown as FailureReporter;
    checkpoints = new Checkpoints(database as unknown as Database, {} as ActiveRuns, reporter);
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
});
