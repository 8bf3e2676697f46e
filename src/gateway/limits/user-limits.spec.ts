import { redisIsHere, RedisServer } from '../../../test/support/redis-server';
import { FailureReporter, type Failure, type FailureContext } from '../../errors';
import { RedisConnections } from '../../redis';
import { InProcessLimits } from './in-process-limits';
import { RedisLimits } from './redis-limits';
import type { UserLimits } from './user-limits';

const LIMITS = { messagesPerMinute: 600, connectionsPerUser: 5 };
const LEASE_MS = 600;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class RecordingReporter extends FailureReporter {
  readonly operations: string[] = [];

  override async report(_error: unknown, { operation }: FailureContext): Promise<Failure> {
    this.operations.push(operation);
    return {} as Failure;
  }
}

/** A process that shares its limits. */
class Node {
  readonly reporter = new RecordingReporter();
  readonly redis: RedisConnections;
  readonly limits: RedisLimits;

  private constructor(url: string) {
    this.redis = new RedisConnections({ url, commandTimeoutMs: 1_000 });
    const local = new InProcessLimits(LIMITS);
    this.limits = new RedisLimits(local, this.redis, this.reporter, { ...LIMITS, leaseMs: LEASE_MS });
  }

  static async start(url: string): Promise<Node> {
    const node = new Node(url);
    await node.redis.open();
    node.limits.onApplicationBootstrap();
    return node;
  }

  /** As by kill -9: nothing is given back. */
  async die(): Promise<void> {
    await this.limits.onModuleDestroy();
    this.redis.close();
  }
}

const redisHere = redisIsHere();
let server: RedisServer;
let nodes: Node[];

beforeEach(async () => {
  nodes = [];
  if (redisHere) server = await RedisServer.start();
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.die()));
  if (redisHere) await server.kill();
});

async function startNode(): Promise<Node> {
  const node = await Node.start(server.url);
  nodes.push(node);
  return node;
}

const take = (limits: UserLimits, user: string, count: number) =>
  Promise.allSettled(Array.from({ length: count }, () => limits.takePlace(user)));
const taken = (outcomes: PromiseSettledResult<() => void>[]) =>
  outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));

const kinds: [string, () => Promise<UserLimits>][] = [['in a process', async () => new InProcessLimits(LIMITS)]];
if (redisHere) kinds.push(['on Redis', async () => (await startNode()).limits]);

describe.each(kinds)('limits per user %s', (_kind, create) => {
  let limits: UserLimits;

  beforeEach(async () => {
    limits = await create();
  });

  it('let through so many messages at once, then say how long to wait, and mean it', async () => {
    const waits = await Promise.all(Array.from({ length: 600 }, () => limits.takeMessage('ann')));
    expect(waits.filter((wait) => wait > 0)).toEqual([]);
    let wait = 0;
    while ((wait = await limits.takeMessage('ann')) === 0);
    expect(wait).toBeLessThanOrEqual(100);
    expect(await limits.takeMessage('bob')).toBe(0);
    await sleep(wait + 1);
    expect(await limits.takeMessage('ann')).toBe(0);
  });

  it('give out so many places, whoever races for them, and again what is given back, once', async () => {
    const outcomes = await take(limits, 'ann', 20);
    const [first, ...rest] = taken(outcomes);
    expect(rest).toHaveLength(4);
    const [refused] = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toMatchObject({ reason: { reason: 'CONNECTION_LIMIT', details: { limit: 5 } } });
    expect(taken(await take(limits, 'bob', 1))).toHaveLength(1);
    expect(limits.connections).toBe(6);
    first?.();
    first?.();
    expect(taken(await take(limits, 'ann', 3))).toHaveLength(1);
    expect(limits.connections).toBe(6);
  });
});

(redisHere ? describe : describe.skip)('limits that processes share', () => {
  it('count the messages of a user on all of them together', async () => {
    const [here, there] = [await startNode(), await startNode()];
    const waits = await Promise.all(
      Array.from({ length: 700 }, (_, at) => (at % 2 === 0 ? here : there).limits.takeMessage('ann')),
    );
    const allowed = waits.filter((wait) => wait === 0).length;
    expect(allowed).toBeGreaterThanOrEqual(600);
    expect(allowed).toBeLessThan(690);
  });

  it('count the places of a user on all of them together, for as long as they are held', async () => {
    const [here, there] = [await startNode(), await startNode()];
    const places = taken(await take(here.limits, 'ann', 3));
    expect(taken(await take(there.limits, 'ann', 5))).toHaveLength(2);
    await sleep(LEASE_MS * 2);
    expect(taken(await take(here.limits, 'ann', 1))).toEqual([]);
    places[0]?.();
    while (taken(await take(there.limits, 'ann', 1)).length === 0) await sleep(5);
  });

  it('free the places of a process that was killed', async () => {
    const [here, there] = [await startNode(), await startNode()];
    expect(taken(await take(here.limits, 'ann', 5))).toHaveLength(5);
    await here.die();
    expect(taken(await take(there.limits, 'ann', 1))).toEqual([]);
    await sleep(LEASE_MS + 50);
    expect(taken(await take(there.limits, 'ann', 6))).toHaveLength(5);
  });

  it.each(['killed', 'frozen'])('are those of each process alone while Redis is %s, without a wait', async (how) => {
    const node = await startNode();
    expect(taken(await take(node.limits, 'ann', 3))).toHaveLength(3);
    if (how === 'killed') await server.kill();
    else server.freeze();
    const asked = performance.now();
    const [message, places] = await Promise.all([node.limits.takeMessage('ann'), take(node.limits, 'ann', 3)]);
    expect(performance.now() - asked).toBeLessThan(900);
    expect(message).toBe(0);
    expect(taken(places)).toHaveLength(2);
    expect(node.reporter.operations.length).toBeLessThanOrEqual(1);
    if (how === 'frozen') server.thaw();
  });

  it('are whole again after Redis has come back without its memory', async () => {
    const [here, there] = [await startNode(), await startNode()];
    expect(taken(await take(here.limits, 'ann', 5))).toHaveLength(5);
    await server.kill();
    await server.restart();
    while (!there.redis.ready || !here.redis.ready) await sleep(5);
    let free = 1;
    const since = performance.now();
    while (free > 0) {
      const got = taken(await take(there.limits, 'ann', 1));
      free = got.length;
      got.forEach((release) => release());
      await sleep(5);
      expect(performance.now() - since).toBeLessThan(3_000);
    }
  });
});
