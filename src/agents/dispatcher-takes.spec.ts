import type { FailureReporter } from '../errors';
import { Dispatcher } from './dispatcher.service';
import type { Claimed, RunClaims } from './run-claims.store';
import type { RunQueue, RunWakeUp } from './run-queue';

const MOST = 2_000;
const LIMITED = 'scarce';

/** A queue that opens, and takes what it is given, when the test says so. */
class HeldQueue {
  open = true;
  readonly taken: string[] = [];
  gate = Promise.withResolvers<void>();
  failure: Error | null = null;

  async enqueue(wakeUps: readonly RunWakeUp[]): Promise<void> {
    await this.gate.promise;
    if (this.failure) throw this.failure;
    this.taken.push(...wakeUps.map(({ run_id }) => run_id));
  }
}

describe('whoever accepts a message', () => {
  let queue: HeldQueue;
  let released: string[];
  let dispatcher: Dispatcher;

  beforeEach(() => {
    queue = new HeldQueue();
    released = [];
    const claims = {
      limits: (agent: string) => agent === LIMITED,
      release: async (wakeUps: readonly RunWakeUp[]) => void released.push(...wakeUps.map(({ run_id }) => run_id)),
    };
    const reporter = { report: async () => undefined };
    dispatcher = new Dispatcher(
      claims as unknown as RunClaims,
      queue as unknown as RunQueue,
      reporter as unknown as FailureReporter,
    );
  });

  afterEach(async () => {
    queue.gate.resolve();
    await dispatcher.close();
  });

  const claimed = (count: number, from = 0): Claimed[] =>
    Array.from({ length: count }, (_, at) => ({
      run_id: `run-${from + at}`,
      dispatch: 1,
      user_id: 'ann',
      thread_id: 'thread',
      traceparent: null,
    }));

  it('may claim its run while the queue is open and the agent has places for all', () => {
    expect(dispatcher.takes('drill')).toBe(true);
  });

  it('may not while the queue has not opened, and may as soon as it has', () => {
    queue.open = false;
    expect(dispatcher.takes('drill')).toBe(false);
    queue.open = true;
    expect(dispatcher.takes('drill')).toBe(true);
  });

  it('may not where the places of the agent are limited: there is a line for them', () => {
    expect(dispatcher.takes(LIMITED)).toBe(false);
    expect(dispatcher.takes('drill')).toBe(true);
  });

  it('may not while as many as may wait for a queue that takes none, and may again when it does', async () => {
    // The first is with the queue; the others wait behind it.
    dispatcher.give(claimed(1));
    dispatcher.give(claimed(MOST - 1, 1));
    expect(dispatcher.takes('drill')).toBe(true);
    dispatcher.give(claimed(1, MOST));
    expect(dispatcher.takes('drill')).toBe(false);
    queue.gate.resolve();
    await dispatcher.settled();
    expect(dispatcher.takes('drill')).toBe(true);
    expect(new Set(queue.taken).size).toBe(MOST + 1);
    expect(queue.taken).toHaveLength(MOST + 1);
  });

  it('may again after the queue refused all that waited, which others may claim then', async () => {
    queue.failure = new Error('the queue is away');
    dispatcher.give(claimed(1));
    dispatcher.give(claimed(MOST, 1));
    expect(dispatcher.takes('drill')).toBe(false);
    queue.gate.resolve();
    await dispatcher.settled();
    expect(dispatcher.takes('drill')).toBe(true);
    expect([queue.taken.length, new Set(released).size]).toEqual([0, MOST + 1]);
  });
});
