import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster } from './cluster';
import { BUILT } from './deployment';
import { Ledger, type LedgerResult } from './ledger';
import { MUTATIONS, withMutation, type Mutation } from './mutations';
import { OneProcess } from './one-process';
import { Random } from './random';
import { reportOf } from './report';

const SECONDS = 15;
const USERS = 15;

async function shortLedger(dist: string, seed: string, mutation: Mutation): Promise<LedgerResult> {
  const { faults, deployment: where, seconds = SECONDS } = mutation;
  const deployment = await (where === 'cluster' ? Cluster.start(dist) : OneProcess.start('own', dist));
  try {
    const calmMs = { least: 600, most: 1_500 };
    return await new Ledger(deployment, new Random(seed), {
      users: USERS,
      durationMs: seconds * 1000,
      faults,
      calmMs,
    }).run();
  } finally {
    await deployment.dispose();
  }
}

/** Shows that the build passes and that each mutation of it is caught. @returns what did not go so */
async function main(): Promise<string[]> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args: process.argv.slice(3), options: { seed: text, dist: text, only: text } });
  const dist = resolve(values.dist ?? BUILT);
  const seed = values.seed ?? '1';
  const failed: string[] = [];
  for (const mutation of MUTATIONS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    const sound = await shortLedger(dist, seed, mutation);
    const broken = await withMutation(dist, mutation, (copy) => shortLedger(copy, seed, mutation));
    if (sound.differences > 0) failed.push(reportOf(`Sound code, with the faults of "${mutation.name}"`, sound));
    if (broken.differences === 0) failed.push(`"${mutation.name}" was not caught`);
    const [first] = [
      ...broken.histories.flatMap(({ user, problems }) => problems.slice(0, 1).map((one) => `${user}: ${one}`)),
      ...broken.problems,
    ];
    process.stdout.write(
      `${mutation.name}: as it is ${sound.differences} differences, broken ${broken.differences}, for instance ${first}\n`,
    );
  }
  return failed;
}

void main().then((failed) => {
  process.stdout.write(failed.map((text) => `\n${text}\n`).join(''));
  process.exit(failed.length === 0 ? 0 : 1);
});
