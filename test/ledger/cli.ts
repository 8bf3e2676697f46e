import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BUILT, OneProcess } from './deployment';
import { faultNames, type FaultName } from './faults';
import { Ledger } from './ledger';
import { Random } from './random';
import { reportOf } from './report';

const USAGE = `npm run ledger -- --seed N --minutes M [--deployment embedded|cluster] [--postgres embedded|own] [--users 20] [--faults a,b] [--dist dist]`;
const EXIT_DIFFERENT = 1;
const EXIT_NOT_RUN = 2;

/** What was asked for cannot be done. */
class UsageError extends Error {}

interface Order {
  readonly seed: string;
  readonly minutes: number;
  readonly users: number;
  readonly postgres: 'embedded' | 'own';
  readonly faults: readonly FaultName[];
  /** The build that runs. */
  readonly dist: string;
}

function orderOf(args: string[]): Order {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { seed: text, minutes: text, deployment: text, postgres: text, users: text, faults: text, dist: text },
  });
  const { seed = '1', deployment = 'embedded' } = values;
  if (deployment === 'cluster')
    throw new UsageError('--deployment cluster is not built yet: gateways and workers by ROLE, with Redis');
  if (deployment !== 'embedded') throw new UsageError(`--deployment ${deployment} is unknown. ${USAGE}`);
  // Without a word about it the seed decides, so that a series of seeds tries both.
  const postgres = values.postgres ?? (Number(seed) % 2 === 0 ? 'own' : 'embedded');
  if (postgres !== 'embedded' && postgres !== 'own')
    throw new UsageError(`--postgres ${postgres} is unknown. ${USAGE}`);
  const known = faultNames(postgres === 'own');
  const faults = values.faults === undefined ? known : known.filter((name) => values.faults?.split(',').includes(name));
  const [minutes, users] = [positive(values.minutes ?? '2'), positive(values.users ?? '20')];
  return { seed, postgres, faults, minutes, users, dist: resolve(values.dist ?? BUILT) };
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

async function keep({ seed, minutes, users, postgres, faults, dist }: Order): Promise<number> {
  const deployment = await OneProcess.start(postgres, dist);
  const interrupted = (): void => void deployment.dispose().finally(() => process.exit(EXIT_NOT_RUN));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    const options = { users, faults, durationMs: minutes * 60_000, calmMs: { least: 600, most: 2_500 } };
    const result = await new Ledger(deployment, new Random(seed), options).run();
    const title = `Ledger: seed ${seed}, ${minutes} min, ${users} users, one process, ${deployment.name}`;
    process.stdout.write(reportOf(title, result));
    if (result.differences === 0) return 0;
    const directory = mkdtempSync(join(tmpdir(), `clarion-ledger-${seed}-`));
    writeFileSync(join(directory, 'clarion.log'), deployment.log());
    for (const { user, story } of result.failing) writeFileSync(join(directory, `${user}.txt`), story);
    process.stdout.write(`Every history and the log of the process: ${directory}\n`);
    return EXIT_DIFFERENT;
  } finally {
    await deployment.dispose();
  }
}

void main().then((code) => process.exit(code));
