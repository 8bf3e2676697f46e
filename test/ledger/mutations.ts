import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FaultName } from './faults';

interface Edit {
  /** Below the build. */
  readonly file: string;
  /** Occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Code that is broken on purpose. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** What has to happen for it to show. */
  readonly faults: readonly FaultName[];
  /** Where; default: one process on a PostgreSQL of its own. */
  readonly deployment?: 'cluster';
  /** Default: long enough for two or three faults. */
  readonly seconds?: number;
}

const PAUSE = 'await new Promise((resolve) => setTimeout(resolve, 40));';

/** COMMIT comes a moment after everything else, instead of with the last statements. */
const COMMIT_ALONE: readonly Edit[] = [
  {
    file: 'persistence/open-transaction.js',
    find: 'Promise.allSettled([answers, this.commit(statements.length)])',
    replace: 'Promise.allSettled([answers, null])',
  },
  {
    file: 'persistence/open-transaction.js',
    find: 'await (this.finishing ?? this.commit(0));',
    replace: `${PAUSE} await this.commit(0);`,
  },
];

/** Where a window is a moment wide in reality it is widened, so that a short run of the ledger meets it. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'acknowledge before the commit',
    edits: [
      ...COMMIT_ALONE,
      {
        file: 'agents/message-intake.service.js',
        find: 'writeAll: (sent) => this.database.transaction((tx) => this.batch.accept(tx, sent)),',
        replace: `writeAll: (sent) => new Promise((resolve, reject) => {
                this.database.transaction(async (tx) => {
                    const outcomes = await this.batch.accept(tx, sent);
                    resolve(outcomes);
                    ${PAUSE}
                    return outcomes;
                }).catch(reject);
            }),`,
      },
    ],
    faults: ['kill-process', 'kill-postgres', 'freeze-and-kill-postgres'],
  },
  {
    name: 'emit before the commit',
    edits: [
      ...COMMIT_ALONE,
      {
        file: 'mailbox/mailbox.store.js',
        find: "tx.afterCommit(() => this.bus.publish(user_id, { kind: 'events', events: stored }));",
        replace: "this.bus.publish(user_id, { kind: 'events', events: stored });",
      },
    ],
    faults: ['kill-process', 'kill-postgres', 'freeze-and-kill-postgres'],
  },
  {
    name: 'drop the gap check',
    edits: [
      {
        file: 'gateway/delivery.js',
        find: `    acceptEvent(event) {
        this.target = Math.max(this.target, event.seq);
        if (this.closed || !this.live || this.pumping || event.seq <= this.sent)
            return;
        if (event.seq === this.sent + 1)`,
        // A signal may always be lost; with the check, the next one shows it.
        replace: `    acceptEvent(event) {
        if (Math.random() < 0.02)
            return;
        this.target = Math.max(this.target, event.seq);
        if (this.closed || !this.live || this.pumping || event.seq <= this.sent)
            return;
        if (event.seq > this.sent)`,
      },
    ],
    faults: ['shaky-database-network'],
  },
  {
    name: 'reuse a fencing token',
    edits: [{ file: 'agents/lease-batch.service.js', find: 'fence = fence + 1', replace: 'fence = 1' }],
    // A worker has to stand still for longer than it takes another one to take its runs over, and some of them have to last.
    faults: ['freeze-process'],
    deployment: 'cluster',
    seconds: 40,
  },
  {
    name: 'forget the de-duplication',
    edits: [
      {
        file: 'agents/accepting.js',
        find: 'admitted.map(({ message }) => message.client_message_id),',
        replace: 'admitted.map(({ ids }) => ids.message_id),',
      },
    ],
    faults: ['cut-clients'],
  },
];

/** The texts of the mutation's files, mutated. @throws when one does not contain what is to be replaced exactly once */
export async function mutated(dist: string, { name, edits }: Mutation): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const text = texts.get(file) ?? (await readFile(join(dist, file), 'utf8'));
    const found = text.split(find).length - 1;
    if (found !== 1)
      throw new Error(`"${name}": what it replaces is ${found} times in ${file}; it has to be written anew`);
    texts.set(
      file,
      text.replace(find, () => replace),
    );
  }
  return texts;
}

/** A copy of the build with the mutation in it, removed after `work`. */
export async function withMutation<T>(
  dist: string,
  mutation: Mutation,
  work: (copy: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'clarion-mutation-'));
  const copy = join(directory, 'dist');
  try {
    const texts = await mutated(dist, mutation);
    await cp(dist, copy, { recursive: true });
    // What the build looks for beside itself.
    for (const name of ['node_modules', 'docs', 'package.json', 'packages'])
      await symlink(join(dirname(dist), name), join(directory, name));
    for (const [file, text] of texts) await writeFile(join(copy, file), text);
    return await work(copy);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
