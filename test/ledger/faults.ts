import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from './deployment';
import type { FaultyProxy } from '../support/faulty-proxy';
import type { Node } from './node';
import type { Random } from './random';

interface Struck {
  readonly lastsMs: number;
  /** After `lastsMs`. */
  readonly mend: () => Promise<unknown> | void;
}

/** Breaks something. */
interface Fault {
  /** What it breaks: two faults of different things may overlap. */
  readonly breaks: 'process' | 'postgres' | 'redis' | 'clients' | 'everything';
  /** Absent: everywhere. */
  readonly fits?: (deployment: Deployment) => boolean;
  readonly strike: (deployment: Deployment, random: Random) => Promise<Struck> | Struck;
}

const NOTHING = (): void => undefined;
const EVERYTHING = (): boolean => true;
const withRedis = ({ redis }: Deployment): boolean => redis !== null;
const withNetwork = ({ postgres }: Deployment): boolean => postgres.network !== null;
const anyHalf = (random: Random) => (): boolean => random.chance(0.5);

/** Everything that may befall a deployment, by the name that `--faults` takes. */
const FAULTS = {
  'kill-process': {
    breaks: 'process',
    strike: async ({ nodes }, random) => {
      const node = oneOf(nodes, random);
      await node.kill();
      return { lastsMs: random.int(0, 1_500), mend: () => node.restart() };
    },
  },
  'kill-processes': {
    breaks: 'process',
    fits: ({ nodes }) => nodes.length > 1,
    strike: async ({ nodes }) => {
      await Promise.all(nodes.map((node) => node.kill()));
      return { lastsMs: 0, mend: () => Promise.all(nodes.map((node) => node.restart())) };
    },
  },
  'restart-process': {
    breaks: 'process',
    strike: ({ nodes }, random) => ({ lastsMs: 0, mend: () => oneOf(nodes, random).restartInOrder() }),
  },
  /** In a cluster long enough for somebody else to take over: what wakes is a ghost. */
  'freeze-process': {
    breaks: 'process',
    strike: ({ nodes }, random) => {
      const node = oneOf(nodes, random);
      node.signal('SIGSTOP');
      const lastsMs = random.int(1_000, nodes.length > 1 ? 7_000 : 4_000);
      return { lastsMs, mend: () => node.signal('SIGCONT') };
    },
  },
  'kill-postgres': {
    breaks: 'postgres',
    strike: async ({ postgres }) => {
      await postgres.kill();
      return { lastsMs: 0, mend: () => postgres.start() };
    },
  },
  'freeze-postgres': {
    breaks: 'postgres',
    strike: ({ postgres }, random) => {
      postgres.freeze();
      return { lastsMs: random.int(1_000, 4_000), mend: () => postgres.thaw() };
    },
  },
  /** What had not reached the disk when it froze is lost. */
  'freeze-and-kill-postgres': {
    breaks: 'postgres',
    strike: async ({ postgres }, random) => {
      postgres.freeze();
      await delay(random.int(50, 800));
      await postgres.kill();
      return { lastsMs: 0, mend: () => postgres.start() };
    },
  },
  'stop-postgres': {
    breaks: 'postgres',
    strike: async ({ postgres }, random) => {
      await postgres.stop();
      return { lastsMs: random.int(500, 4_000), mend: () => postgres.start() };
    },
  },
  /** Answers are on their way when the connection breaks: what they would have said is not known. */
  'shaky-database-network': {
    breaks: 'postgres',
    fits: withNetwork,
    strike: ({ postgres }, random) => shake(postgres.network, random),
  },
  /** It comes back empty. */
  'kill-redis': {
    breaks: 'redis',
    fits: withRedis,
    strike: async ({ redis }, random) => {
      await redis?.kill();
      return { lastsMs: random.chance(0.5) ? 0 : random.int(500, 6_000), mend: () => redis?.start() };
    },
  },
  'freeze-redis': {
    breaks: 'redis',
    fits: withRedis,
    strike: ({ redis }, random) => {
      redis?.freeze();
      return { lastsMs: random.int(500, 5_000), mend: () => redis?.thaw() };
    },
  },
  'flush-redis': {
    breaks: 'redis',
    fits: withRedis,
    strike: async ({ redis }) => {
      await redis?.flush();
      return { lastsMs: 0, mend: NOTHING };
    },
  },
  'shaky-redis-network': {
    breaks: 'redis',
    fits: withRedis,
    strike: ({ redis }, random) => shake(redis?.network, random),
  },
  'half-open-redis': {
    breaks: 'redis',
    fits: withRedis,
    strike: ({ redis }, random) => {
      const mend = redis?.network.halfOpen(anyHalf(random), 'server') ?? NOTHING;
      return { lastsMs: random.int(1_000, 5_000), mend };
    },
  },
  'kill-all': {
    breaks: 'everything',
    strike: async ({ nodes, postgres, redis }) => {
      await Promise.all([...nodes.map((node) => node.kill()), postgres.kill(), redis?.kill()]);
      return {
        lastsMs: 0,
        mend: async () => {
          await Promise.all([postgres.start(), redis?.start()]);
          await Promise.all(nodes.map((node) => node.restart()));
        },
      };
    },
  },
  'cut-clients': {
    breaks: 'clients',
    strike: ({ proxy }, random) => {
      proxy.cut(anyHalf(random));
      return { lastsMs: 0, mend: NOTHING };
    },
  },
  'slow-clients': {
    breaks: 'clients',
    strike: ({ proxy }, random) => {
      const mend = proxy.slow(anyHalf(random), random.int(30, 300));
      return { lastsMs: random.int(1_000, 3_000), mend };
    },
  },
  'freeze-clients': {
    breaks: 'clients',
    strike: ({ proxy }, random) => ({ lastsMs: random.int(1_000, 5_000), mend: proxy.freeze(anyHalf(random)) }),
  },
  'half-open-clients': {
    breaks: 'clients',
    strike: ({ proxy }, random) => {
      const mend = proxy.halfOpen(anyHalf(random), random.chance(0.5) ? 'client' : 'server');
      return { lastsMs: random.int(2_000, 5_000), mend };
    },
  },
  'replace-process': {
    breaks: 'everything',
    fits: ({ replaceProcess, postgres }) => replaceProcess !== null && postgres.network !== null,
    strike: async (deployment) => {
      await deployment.replaceProcess?.();
      return { lastsMs: 0, mend: NOTHING };
    },
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** The names of the faults that fit. */
export function faultNames(deployment: Deployment): FaultName[] {
  const names = Object.keys(FAULTS) as FaultName[];
  return names.filter((name) => (FAULTS[name] as Fault).fits?.(deployment) ?? true);
}

/** True where both may be struck at once. */
export function overlap(one: FaultName, other: FaultName): boolean {
  const [a, b] = [FAULTS[one].breaks, FAULTS[other].breaks];
  return a !== b && a !== 'everything' && b !== 'everything';
}

export async function strike(name: FaultName, deployment: Deployment, random: Random): Promise<Struck> {
  return FAULTS[name].strike(deployment, random);
}

function oneOf(nodes: readonly Node[], random: Random): Node {
  const node = random.pick(nodes);
  if (node === undefined) throw new Error('a deployment has a process');
  return node;
}

async function shake(network: FaultyProxy | null | undefined, random: Random): Promise<Struck> {
  for (let breaks = random.int(4, 8); breaks > 0; breaks -= 1) {
    const mend = network?.slow(EVERYTHING, random.int(10, 40));
    await delay(random.int(150, 400));
    network?.cut(EVERYTHING);
    mend?.();
  }
  return { lastsMs: 0, mend: NOTHING };
}
