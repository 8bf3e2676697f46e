import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterHome } from './cluster-home';
import { EmbeddedPostgresError } from './embedded-postgres.error';
import { exists, readIfThere, sync, writeWhole } from './files';
import { runAs, send } from './processes';

/** The superuser that `initdb` makes; the only role there is. */
export const SUPERUSER = 'clarion';

const STAGING = '.postgres-init-';
const INITDB_LIMIT_MS = 120_000;
const OUTPUT_LIMIT = 8_192;

/**
 * Makes the cluster where there is none. It is built under another name and renamed when it is whole, so that a kill in the middle
 * leaves nothing half-made. Collation is by code point, from PostgreSQL itself, so that no update of the system's library changes it.
 *
 * @returns the password of `SUPERUSER`, kept in DATA_DIR, mode 0600.
 */
export async function ensureCluster(home: ClusterHome, dataDir: string, stopping: AbortSignal): Promise<string> {
  await removeLeftovers(home.directory);
  const made = await exists(home.cluster);
  const password = await ensurePassword(join(dataDir, 'postgres-password'), made);
  if (made) await checkVersion(home);
  else await makeCluster(home, password, stopping);
  return password;
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    // An `initdb` whose process was killed may still be writing there; it ends at its next word.
    if (name.startsWith(STAGING)) await rm(join(directory, name), { recursive: true, force: true, maxRetries: 20 });
  }
}

async function ensurePassword(file: string, needed: boolean): Promise<string> {
  const kept = await readIfThere(file);
  if (kept) return kept;
  if (needed) {
    throw new EmbeddedPostgresError('DATA_DIR_UNUSABLE', `The password of the database is missing: restore ${file}`, {
      details: { file },
    });
  }
  const password = randomBytes(24).toString('hex');
  await writeWhole(file, password);
  return password;
}

async function checkVersion({ cluster, binaries }: ClusterHome): Promise<void> {
  const found = await readIfThere(join(cluster, 'PG_VERSION'));
  const major = binaries.version.split('.')[0];
  if (found === major) return;
  throw new EmbeddedPostgresError(
    'DATA_DIR_UNUSABLE',
    `${cluster} was written by PostgreSQL ${found ?? '(unknown)'} and this is ${major}: move the data with pg_dump, or choose another DATA_DIR`,
    { details: { cluster, found, expected: major } },
  );
}

async function makeCluster(home: ClusterHome, password: string, stopping: AbortSignal): Promise<void> {
  const staging = await mkdtemp(join(home.directory, STAGING));
  try {
    const passwordFile = join(staging, 'password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    for (const path of [staging, passwordFile]) {
      if (home.account) await chown(path, home.account.uid, home.account.gid);
    }
    await runInitdb(home, join(staging, 'data'), passwordFile, stopping);
    await rename(join(staging, 'data'), home.cluster);
    await sync(home.directory);
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function runInitdb(home: ClusterHome, data: string, passwordFile: string, stopping: AbortSignal): Promise<void> {
  const options = {
    pgdata: data,
    username: SUPERUSER,
    pwfile: passwordFile,
    auth: 'scram-sha-256',
    encoding: 'UTF8',
    locale: 'C',
    'locale-provider': 'builtin',
    'builtin-locale': 'C.UTF-8',
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(home.binaries.initdb, [...args, '--no-instructions'], {
    ...runAs(home.account),
    stdio: ['ignore', 'pipe', 'pipe'], // pipes, so that it ends with us
  });
  const limit = AbortSignal.any([stopping, AbortSignal.timeout(INITDB_LIMIT_MS)]);
  const { failure, output } = await finished(child, limit);
  if (!failure) return;
  throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_FAILED', 'PostgreSQL could not make its data directory', {
    details: { directory: home.directory, account: home.account?.name ?? null, failure: failure.message, output },
    cause: failure,
  });
}

/** Waits for the end of a child, which `limit` brings about at once, together with what it has started. */
function finished(child: ChildProcess, limit: AbortSignal): Promise<{ failure: Error | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_LIMIT)));
  }
  const kill = (): void => {
    if (child.pid) send(-child.pid, 'SIGKILL');
  };
  if (limit.aborted) kill();
  limit.addEventListener('abort', kill, { once: true });
  return new Promise((resolve) => {
    const end = (failure: Error | null): void => {
      limit.removeEventListener('abort', kill);
      resolve({ failure: limit.aborted ? (limit.reason as Error) : failure, output });
    };
    child.once('error', end);
    child.once('close', (code, signal) => end(code === 0 ? null : new Error(signal ?? `exit ${code}`)));
  });
}
