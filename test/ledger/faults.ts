import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from './deployment';
import type { Random } from './random';

/** Breaks something; the result is what mends it, after `lastsMs`. */
type Fault = (deployment: Deployment, random: Random) => Promise<{ lastsMs: number; mend: () => Promise<void> | void }>;

const NOTHING = (): void => undefined;

const anyHalf = (random: Random) => (): boolean => random.chance(0.5);

/** Everything that may befall a deployment, by the name that `--faults` takes. */
const FAULTS = {
  'kill-process': async (deployment) => {
    await deployment.killProcess();
    return { lastsMs: 0, mend: () => deployment.restartProcess() };
  },
  'restart-process': async (deployment) => ({ lastsMs: 0, mend: () => deployment.restartInOrder() }),
  'freeze-process': async (deployment, random) => {
    deployment.signalProcess('SIGSTOP');
    return { lastsMs: random.int(1_000, 4_000), mend: () => deployment.signalProcess('SIGCONT') };
  },
  'kill-postgres': async ({ postgres }) => {
    await postgres.kill();
    return { lastsMs: 0, mend: () => postgres.start() };
  },
  'freeze-postgres': async ({ postgres }, random) => {
    postgres.freeze();
    return { lastsMs: random.int(1_000, 4_000), mend: () => postgres.thaw() };
  },
  /** What had not reached the disk when it froze is lost. */
  'freeze-and-kill-postgres': async ({ postgres }, random) => {
    postgres.freeze();
    await delay(random.int(50, 800));
    await postgres.kill();
    return { lastsMs: 0, mend: () => postgres.start() };
  },
  'stop-postgres': async ({ postgres }, random) => {
    await postgres.stop();
    return { lastsMs: random.int(500, 4_000), mend: () => postgres.start() };
  },
  /** Answers are on their way when the connection breaks: what they would have said is not known. */
  'shaky-database-network': async ({ postgres: { network } }, random) => {
    const everything = (): boolean => true;
    for (let breaks = random.int(4, 8); breaks > 0; breaks -= 1) {
      const mend = network?.slow(everything, random.int(10, 40));
      await delay(random.int(150, 400));
      network?.cut(everything);
      mend?.();
    }
    return { lastsMs: 0, mend: NOTHING };
  },
  'kill-all': async (deployment) => {
    await deployment.killAll();
    return {
      lastsMs: 0,
      mend: async () => {
        await deployment.postgres.start();
        await deployment.restartProcess();
      },
    };
  },
  'cut-clients': async ({ proxy }, random) => {
    proxy.cut(anyHalf(random));
    return { lastsMs: 0, mend: NOTHING };
  },
  'slow-clients': async ({ proxy }, random) => {
    const mend = proxy.slow(anyHalf(random), random.int(30, 300));
    return { lastsMs: random.int(1_000, 3_000), mend };
  },
  'freeze-clients': async ({ proxy }, random) => {
    const mend = proxy.freeze(anyHalf(random));
    return { lastsMs: random.int(1_000, 5_000), mend };
  },
  'half-open-clients': async ({ proxy }, random) => {
    const mend = proxy.halfOpen(anyHalf(random), random.chance(0.5) ? 'client' : 'server');
    return { lastsMs: random.int(2_000, 5_000), mend };
  },
  'replace-process': async (deployment) => {
    await deployment.replaceProcess();
    return { lastsMs: 0, mend: NOTHING };
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** What needs a PostgreSQL that does not depend on the process, and a network in between. */
const WITH_OWN_POSTGRES: ReadonlySet<FaultName> = new Set<FaultName>(['replace-process', 'shaky-database-network']);

/** The names of the faults that fit. */
export function faultNames(ownPostgres: boolean): FaultName[] {
  const names = Object.keys(FAULTS) as FaultName[];
  return names.filter((name) => ownPostgres || !WITH_OWN_POSTGRES.has(name));
}

export const strike = (name: FaultName, deployment: Deployment, random: Random): ReturnType<Fault> =>
  FAULTS[name](deployment, random);
