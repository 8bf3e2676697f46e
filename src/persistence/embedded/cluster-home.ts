import { createHash } from 'node:crypto';
import { chmod, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error';
import { exists, readIfThere, writeWhole } from './files';
import { findPostgresAccount, letPass, type PostgresAccount, reachable } from './postgres-account';
import { binariesFor, type PostgresBinaries } from './postgres-binaries';

/** Where a cluster lives and who runs it. */
export interface ClusterHome {
  /** The directory that holds the cluster: DATA_DIR, or its substitute where the account cannot reach DATA_DIR. */
  directory: string;
  /** The cluster itself, PostgreSQL's data directory. */
  cluster: string;
  /** Null where PostgreSQL runs as this process's own user. */
  account: PostgresAccount | null;
  binaries: PostgresBinaries;
}

/** Creates DATA_DIR, mode 0700, where there is none. @returns its real path. */
export async function ensureDataDir(dataDir: string): Promise<string> {
  const absolute = resolve(dataDir);
  if (!(await exists(absolute))) {
    await mkdir(dirname(absolute), { recursive: true });
    await mkdir(absolute, { recursive: true, mode: 0o700 });
  }
  return realpath(absolute);
}

/** The directory that holds, or is to hold, the cluster of `dataDir`. What a former start has recorded wins. */
export async function chooseDirectory(dataDir: string, systemDir: string): Promise<string> {
  const recorded = await readIfThere(locationFile(dataDir));
  if (recorded) return recordedDirectory(dataDir, recorded);
  const account = await findPostgresAccount();
  if (!account || (await exists(clusterIn(dataDir)))) return dataDir;
  await letPass(dataDir, account);
  if (await reachable(dataDir, account)) return dataDir;
  return substitute(dataDir, systemDir, account);
}

async function recordedDirectory(dataDir: string, recorded: string): Promise<string> {
  if (await exists(clusterIn(recorded))) return recorded;
  throw new EmbeddedPostgresError(
    'DATA_DIR_UNUSABLE',
    `${locationFile(dataDir)} says that the data are in ${recorded}, and they are not: restore them, or remove that file to begin anew`,
    { details: { data_dir: dataDir, recorded } },
  );
}

async function substitute(dataDir: string, systemDir: string, account: PostgresAccount): Promise<string> {
  await mkdir(systemDir, { recursive: true });
  await chmod(systemDir, 0o755);
  const directory = join(systemDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await letPass(directory, account);
  return directory;
}

/**
 * Who runs the cluster in `directory`, and with which binaries.
 *
 * @throws EmbeddedPostgresError DATA_DIR_UNUSABLE where that account cannot reach it.
 */
export async function prepareHome(
  directory: string,
  binaries: PostgresBinaries,
  systemDir: string,
): Promise<ClusterHome> {
  const cluster = clusterIn(directory);
  const fallback = await findPostgresAccount();
  if (!fallback) return { directory, cluster, account: null, binaries };
  const account = await ownerOf(cluster, fallback);
  if (!(await reachable(directory, account))) {
    throw new EmbeddedPostgresError(
      'DATA_DIR_UNUSABLE',
      `The user "${account.name}", who runs PostgreSQL, cannot reach ${directory}: give its parent directories the search bit (chmod o+x)`,
      { details: { directory, account: account.name } },
    );
  }
  return { directory, cluster, account, binaries: await binariesFor(account, binaries, systemDir) };
}

// PostgreSQL wants to run as the owner of its data: who started it first, perhaps not as root, stays the one.
async function ownerOf(cluster: string, fallback: PostgresAccount): Promise<PostgresAccount> {
  if (!(await exists(cluster))) return fallback;
  const { uid, gid } = await stat(cluster);
  return uid === 0 || uid === fallback.uid ? fallback : { name: `uid ${uid}`, uid, gid };
}

/** Leaves a note in DATA_DIR where the data are when they are not in it; only once they are there. */
export async function recordDirectory(dataDir: string, directory: string): Promise<void> {
  if (directory === dataDir || (await exists(locationFile(dataDir)))) return;
  await writeWhole(locationFile(dataDir), directory);
}

function clusterIn(directory: string): string {
  return join(directory, 'postgres');
}

function locationFile(dataDir: string): string {
  return join(dataDir, 'postgres-location');
}
