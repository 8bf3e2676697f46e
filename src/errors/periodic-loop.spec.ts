import { ComponentError } from './component-error';
import { FailureReporter, type Failure, type FailureContext } from './failure-reporter';
import { PeriodicLoop } from './periodic-loop';

class ReporterSpy extends FailureReporter {
  readonly reports: { error: unknown; context: FailureContext }[] = [];

  override async report(error: unknown, context: FailureContext): Promise<Failure> {
    this.reports.push({ error, context });
    return {} as Failure;
  }
}

function loopOf(work: () => Promise<void> | void, everyMs = 60_000) {
  const reporter = new ReporterSpy();
  return { reporter, loop: new PeriodicLoop({ name: 'test.loop', everyMs, jitter: 0, work, reporter }) };
}

describe('PeriodicLoop', () => {
  it('runs again and again until it is stopped', async () => {
    const thrice = Promise.withResolvers<void>();
    let runs = 0;
    const { loop } = loopOf(() => {
      runs += 1;
      if (runs === 3) thrice.resolve();
    }, 1);
    loop.start();
    await thrice.promise;
    await loop.stop();
    const atStop = runs;
    await loop.trigger();
    expect(runs).toBe(atStop);
  });

  it('never runs twice at a time: triggers during a run lead to one more run after it', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let running = 0;
    let most = 0;
    let runs = 0;
    const { loop } = loopOf(async () => {
      running += 1;
      most = Math.max(most, running);
      await gates[runs++]?.promise;
      running -= 1;
    });
    const first = loop.trigger();
    const more = [loop.trigger(), loop.trigger(), loop.trigger()];
    gates[0]!.resolve();
    await first;
    gates[1]!.resolve();
    await Promise.all(more);
    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
    await loop.stop();
  });

  it('waits at its stop for the run that is going on', async () => {
    const gate = Promise.withResolvers<void>();
    let ended = false;
    const { loop } = loopOf(async () => {
      await gate.promise;
      ended = true;
    });
    void loop.trigger();
    const stopped = loop.stop().then(() => ended);
    gate.resolve();
    expect(await stopped).toBe(true);
  });

  it('reports a streak of failures once, a new reason and a new streak again, and goes on', async () => {
    const outcomes: (Error | null)[] = [
      new Error('one'),
      new Error('two'),
      ComponentError.database('DATABASE_TIMEOUT'),
      ComponentError.database('DATABASE_TIMEOUT'),
      null,
      new Error('three'),
    ];
    let run = 0;
    const { loop, reporter } = loopOf(() => {
      const outcome = outcomes[run++];
      if (outcome) throw outcome;
    });
    for (const _ of outcomes) await loop.trigger();
    await loop.stop();
    expect(reporter.reports.map(({ error }) => error)).toEqual([outcomes[0], outcomes[2], outcomes[5]]);
    expect(reporter.reports[0]!.context).toMatchObject({ operation: 'test.loop', component: 'Integration' });
  });

  it('reports a streak that lasts again after a minute', async () => {
    const { loop, reporter } = loopOf(() => Promise.reject(new Error('still')));
    const now = jest.spyOn(Date, 'now');
    try {
      for (const at of [0, 30_000, 59_999, 60_000, 119_999, 120_000]) {
        now.mockReturnValue(at);
        await loop.trigger();
      }
    } finally {
      now.mockRestore();
      await loop.stop();
    }
    expect(reporter.reports).toHaveLength(3);
  });
});
