import type { AgentDelta, DurableEvent } from '@clarion/protocol';
import { redisIsHere, RedisServer } from '../../test/support/redis-server';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { FailureReporter, type Failure, type FailureContext, classify } from '../errors';
import { RedisConnections } from '../redis';
import { InProcessBus } from './in-process-bus';
import { RedisBus } from './redis-bus';
import type { UserBus, UserSignal, UserSubscription } from './user-bus';

class RecordingReporter extends FailureReporter {
  readonly reported: { reason: string; operation: string }[] = [];

  override async report(error: unknown, { operation, component }: FailureContext): Promise<Failure> {
    this.reported.push({ reason: classify(error, component).reason, operation });
    return {} as Failure;
  }
}

/** One listener, and what it has heard. */
class Ear {
  readonly heard: UserSignal[] = [];
  private wake = (): void => undefined;

  readonly listen = (signal: UserSignal): void => {
    this.heard.push(signal);
    this.wake();
  };

  get indexes(): number[] {
    return this.heard.flatMap((signal) => (signal.kind === 'delta' ? [signal.delta.index] : []));
  }

  async until(found: () => boolean): Promise<void> {
    while (!found()) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  doubted(): Promise<void> {
    return this.until(() => this.heard.some(({ kind }) => kind === 'doubt'));
  }
}

const delta = (index: number, text = 'x'): UserSignal => ({
  kind: 'delta',
  delta: { run_id: 'r', attempt: 1, path: null, index, text } satisfies AgentDelta,
});
const events = (...seqs: number[]): UserSignal => ({
  kind: 'events',
  events: seqs.map((seq) => ({ seq, type: 'agent_progress', data: { message: 'żółw 🐢' } }) as unknown as DurableEvent),
});

/** Two ends of a bus: of one process they are the same. */
interface Ends {
  readonly here: UserBus;
  readonly there: UserBus;
  readonly reporter: RecordingReporter;
  close(): Promise<void>;
}

async function inProcess(): Promise<Ends> {
  const reporter = new RecordingReporter();
  const bus = new InProcessBus(reporter);
  return { here: bus, there: bus, reporter, close: async () => undefined };
}

class RedisEnds implements Ends {
  readonly reporter = new RecordingReporter();
  readonly here: RedisBus;
  readonly there: RedisBus;
  readonly connections: RedisConnections[];

  private constructor(urls: [string, string], options?: { mostUnderWay: number }) {
    this.connections = urls.map((url) => new RedisConnections({ url, commandTimeoutMs: 1_000 }));
    const [here, there] = this.connections.map(
      (redis) => new RedisBus(new InProcessBus(this.reporter), redis, this.reporter, options),
    );
    this.here = here as RedisBus;
    this.there = there as RedisBus;
  }

  static async create(here: string, there = here, options?: { mostUnderWay: number }): Promise<RedisEnds> {
    const ends = new RedisEnds([here, there], options);
    await ends.connected();
    return ends;
  }

  /** Resolves when both ends hear each other. */
  async connected(): Promise<void> {
    for (const [from, to] of [
      [this.here, this.there],
      [this.there, this.here],
    ] as const) {
      const ear = new Ear();
      const { end } = to.subscribe('connected', ear.listen);
      const knocking = setInterval(() => from.publish('connected', delta(0)), 5);
      await ear.until(() => ear.indexes.length > 0);
      clearInterval(knocking);
      end();
    }
  }

  async close(): Promise<void> {
    for (const redis of this.connections) redis.close();
  }
}

const redisHere = redisIsHere();
let server: RedisServer;

beforeAll(async () => {
  if (redisHere) server = await RedisServer.start();
});
afterAll(async () => {
  if (redisHere) await server.kill();
});

const kinds: [string, () => Promise<Ends>][] = [['of one process', inProcess]];
if (redisHere) kinds.push(['on Redis', () => RedisEnds.create(server.url)]);

describe.each(kinds)('the bus %s', (_kind, create) => {
  let ends: Ends;

  beforeEach(async () => {
    ends = await create();
  });
  afterEach(() => ends.close());

  async function listen(bus: UserBus, user: string): Promise<{ ear: Ear; subscription: UserSubscription }> {
    const ear = new Ear();
    const subscription = bus.subscribe(user, ear.listen);
    await subscription.ready;
    return { ear, subscription };
  }

  it('brings every signal once, as it was, and to nobody else', async () => {
    const [near, far, other] = await Promise.all([
      listen(ends.here, 'ann'),
      listen(ends.there, 'ann'),
      listen(ends.there, 'bob'),
    ]);
    const signals: UserSignal[] = [events(1, 2), delta(0, 'ä\u2028"'), { kind: 'erased' }];
    for (const signal of signals) ends.here.publish('ann', signal);
    ends.here.publish('bob', events(9));
    await other.ear.until(() => other.ear.heard.length > 0);
    expect(near.ear.heard).toEqual(signals);
    expect(far.ear.heard).toEqual(signals);
    expect(other.ear.heard).toEqual([events(9)]);
  });

  it('keeps the order of each writer', async () => {
    const [near, far] = await Promise.all([listen(ends.here, 'ann'), listen(ends.there, 'ann')]);
    for (let index = 0; index < 2_000; index += 1) {
      ends.here.publish('ann', delta(index));
      ends.there.publish('ann', delta(10_000 + index));
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { ear } of [near, far]) {
      await ear.until(() => ear.heard.length === 4_000);
      for (const writer of [0, 10_000]) {
        const own = ear.indexes.filter((index) => index >= writer && index < writer + 2_000);
        expect(own).toEqual(Array.from({ length: 2_000 }, (_, index) => writer + index));
      }
    }
  });

  it('spares the others a listener that fails, and reports it', async () => {
    ends.there.subscribe('ann', () => {
      throw new RangeError('broken');
    });
    const { ear } = await listen(ends.there, 'ann');
    ends.here.publish('ann', delta(0));
    await ear.until(() => ear.indexes.length === 1);
    expect(ends.reporter.reported).toEqual([expect.objectContaining({ operation: 'bus.publish' })]);
  });

  it('brings nothing after the end of a subscription, which may be ended twice, and goes on for the others', async () => {
    const [ended, stays] = [await listen(ends.there, 'ann'), await listen(ends.there, 'ann')];
    ended.subscription.end();
    ended.subscription.end();
    ends.here.publish('ann', delta(0));
    await stays.ear.until(() => stays.ear.heard.length === 1);
    expect(ended.ear.heard).toEqual([]);
  });

  it('hears from `ready` on, however often and fast a user comes and goes', async () => {
    for (let round = 0; round < 50; round += 1) {
      const brief = ends.there.subscribe('ann', () => undefined);
      if (round % 3 === 0) await brief.ready;
      brief.end();
      const ear = new Ear();
      const subscription = ends.there.subscribe('ann', ear.listen);
      const second = ends.there.subscribe('ann', () => undefined);
      await (round % 2 === 0 ? subscription.ready : second.ready);
      ends.here.publish('ann', delta(round));
      await ear.until(() => ear.indexes.includes(round));
      expect(ear.heard).toEqual([delta(round)]);
      subscription.end();
      second.end();
    }
  });

  it('serves 1,000 users at once', async () => {
    const users = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);
    const listening = await Promise.all(users.map((user) => listen(ends.there, user)));
    for (const [index, user] of users.entries()) ends.here.publish(user, delta(index));
    for (const [index, { ear }] of listening.entries()) {
      await ear.until(() => ear.heard.length > 0);
      expect(ear.heard).toEqual([delta(index)]);
    }
  });
});

(redisHere ? describe : describe.skip)('the bus on a Redis that fails', () => {
  let ends: RedisEnds;
  let own: RedisServer;
  let proxy: TcpProxy | undefined;

  beforeEach(async () => {
    own = await RedisServer.start();
  });
  afterEach(async () => {
    await ends.close();
    await proxy?.close();
    proxy = undefined;
    await own.kill();
  });

  it('goes on within the process, takes no memory for the others, doubts everything on its return, and works again', async () => {
    ends = await RedisEnds.create(own.url);
    const [near, far] = [new Ear(), new Ear()];
    await Promise.all([ends.here.subscribe('ann', near.listen).ready, ends.there.subscribe('ann', far.listen).ready]);
    await own.kill();
    await Promise.all(ends.connections.map((redis) => redis.check()));
    for (let index = 0; index < 1_000; index += 1) ends.here.publish('ann', delta(index));
    expect(near.indexes).toHaveLength(1_000);
    const late = new Ear();
    await ends.there.subscribe('ann', late.listen).ready;

    const returned = performance.now();
    await own.restart();
    await Promise.all([near.doubted(), far.doubted(), late.doubted()]);
    expect(performance.now() - returned).toBeLessThan(5_000);
    await ends.connected();
    ends.here.publish('ann', delta(7));
    await Promise.all([far, late].map((ear) => ear.until(() => ear.indexes.includes(7))));
    expect(far.indexes).toEqual([7]);
  });

  it('lets nobody wait for a Redis that is frozen, and doubts what came meanwhile', async () => {
    ends = await RedisEnds.create(own.url);
    own.freeze();
    const ear = new Ear();
    const asked = performance.now();
    await ends.there.subscribe('ann', ear.listen).ready;
    expect(performance.now() - asked).toBeLessThan(900);
    own.thaw();
    await ear.doubted();
    await ends.connected();
  });

  it('drops what a slow Redis does not take, says so once, and leaves a doubt', async () => {
    proxy = await TcpProxy.before(own.url);
    ends = await RedisEnds.create(proxy.through(own.url), own.url, { mostUnderWay: 100_000 });
    const far = new Ear();
    await ends.there.subscribe('ann', far.listen).ready;
    proxy.hang();
    for (let index = 0; index < 100; index += 1) {
      ends.here.publish('ann', delta(index, 'x'.repeat(10_000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ends.reporter.reported).toEqual([{ reason: 'REDIS_TIMEOUT', operation: 'bus.publish' }]);
    proxy.heal();
    await far.doubted();
    await ends.connected();
    expect(far.indexes.length).toBeLessThan(20);
  });

  it('keeps the databases of one server apart', async () => {
    ends = await RedisEnds.create(own.url);
    const elsewhere = await RedisEnds.create(`${own.url}/1`);
    const [ear, stranger] = [new Ear(), new Ear()];
    await ends.there.subscribe('ann', ear.listen).ready;
    await elsewhere.there.subscribe('ann', stranger.listen).ready;
    ends.here.publish('ann', delta(0));
    elsewhere.here.publish('ann', delta(1));
    await Promise.all([ear, stranger].map((each) => each.until(() => each.heard.length > 0)));
    expect([ear.indexes, stranger.indexes]).toEqual([[0], [1]]);
    await elsewhere.close();
  });

  it('survives what no bus has written, and reports it', async () => {
    ends = await RedisEnds.create(own.url);
    const ear = new Ear();
    await ends.there.subscribe('ann', ear.listen).ready;
    const foreign = new RedisConnections({ url: own.url, commandTimeoutMs: 1_000 });
    await foreign.open();
    await foreign.command((redis) => redis.spublish('clarion:0:user:ann', 'no such thing'));
    ends.here.publish('ann', delta(0));
    await ear.until(() => ear.heard.length > 0);
    expect(ends.reporter.reported).toEqual([expect.objectContaining({ operation: 'bus.receive' })]);
    foreign.close();
  });
});
