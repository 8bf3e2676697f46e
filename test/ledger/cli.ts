import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster } from './cluster';
import { BUILT, type Deployment } from './deployment';
import { faultNames } from './faults';
import { Ledger } from './ledger';
import { OneProcess } from './one-process';
import { Phases } from './phases';
import { Random } from './random';
import { reportOf } from './report';

const USAGE = `npm run ledger -- --seed N --minutes M [--deployment embedded|own|cluster] [--users 20] [--faults a,b] [--dist dist]`;
const EXIT_DIFFERENT = 1;
const EXIT_NOT_RUN = 2;

/** What was asked for cannot be done. */
class UsageError extends Error {}

const KINDS = ['embedded', 'own', 'cluster'] as const;

interface Order {
  readonly seed: string;
  readonly minutes: number;
  readonly users: number;
  readonly kind: (typeof KINDS)[number];
  /** These alone; undefined: all that fit. */
  readonly faults: readonly string[] | undefined;
  /** The build that runs. */
  readonly dist: string;
}

function orderOf(args: string[]): Order {
  const text = { type: 'string' } as const;
  const options = { seed: text, minutes: text, deployment: text, users: text, faults: text, dist: text };
  const { values } = parseArgs({ args, options });
  const { seed = '1', deployment } = values;
  const kind = KINDS.find((name) => name === (deployment ?? KINDS[Number(seed) % KINDS.length] ?? KINDS[0]));
  if (kind === undefined) throw new UsageError(`--deployment ${deployment} is unknown. ${USAGE}`);
  const [minutes, users] = [positive(values.minutes ?? '2'), positive(values.users ?? '20')];
  return { seed, kind, faults: values.faults?.split(','), minutes, users, dist: resolve(values.dist ?? BUILT) };
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new UsageError(`${text} is no number above 0. ${USAGE}`);
  return number;
}

async function main(): Promise<number> {
  try {
    return await keep(orderOf(process.argv.slice(3)));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_NOT_RUN;
  }
}

async function keep({ seed, minutes, users, kind, faults: chosen, dist }: Order): Promise<number> {
  const phases = new Phases();
  phases.add('loading', performance.now());
  const deployment: Deployment = await phases.of<Deployment>('starting', () =>
    kind === 'cluster' ? Cluster.start(dist) : OneProcess.start(kind, dist),
  );
  const interrupted = (): void => void deployment.dispose().finally(() => process.exit(EXIT_NOT_RUN));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    const faults = faultNames(deployment).filter((name) => chosen?.includes(name) ?? true);
    const options = { users, faults, durationMs: minutes * 60_000, calmMs: { least: 600, most: 2_500 } };
    const result = await new Ledger(deployment, new Random(seed), options, phases).run();
    const title = `Ledger: seed ${seed}, ${minutes} min, ${users} users, ${deployment.name}`;
    process.stdout.write(reportOf(title, result));
    if (result.differences === 0) return 0;
    const directory = mkdtempSync(join(tmpdir(), `clarion-ledger-${seed}-`));
    const log = deployment.nodes.map((node) => node.log()).join('\n');
    writeFileSync(join(directory, 'clarion.log'), log);
    for (const { user, story } of result.histories) writeFileSync(join(directory, `${user}.txt`), story);
    process.stdout.write(`Every history and the log of the process: ${directory}\n`);
    return EXIT_DIFFERENT;
  } finally {
    await phases.of('stopping', () => deployment.dispose());
    process.stdout.write(`${phases.line()}\n`);
  }
}

void main().then((code) => process.exit(code));
