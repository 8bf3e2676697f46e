import { chmod, chown, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error';

export interface PostgresAccount {
  name: string;
  uid: number;
  gid: number;
}

/** Permission bits as in one octal digit of a mode. */
const SEARCH = 0o1;
export const READ = 0o4;
export const EXECUTE = 0o5;

/** In the order of preference; `_postgres` is the name on macOS. */
const CANDIDATES = ['postgres', '_postgres', 'nobody'];

/**
 * The account that PostgreSQL runs as. It refuses to run as root, so a root process has to lend it another one; any other user
 * runs it as itself, which is `null` here.
 *
 * @throws EmbeddedPostgresError EMBEDDED_POSTGRES_FAILED where root finds neither `postgres` nor `nobody`.
 */
export async function findPostgresAccount(
  uid = process.getuid?.(),
  passwdFile = '/etc/passwd',
): Promise<PostgresAccount | null> {
  if (uid !== 0) return null;
  const accounts = parsePasswd(await readFile(passwdFile, 'utf8'));
  for (const name of CANDIDATES) {
    const account = accounts.find((entry) => entry.name === name && entry.uid > 0);
    if (account) return account;
  }
  throw new EmbeddedPostgresError(
    'EMBEDDED_POSTGRES_FAILED',
    'PostgreSQL does not run as root and there is no user to lend it: create a user "postgres", start as an ordinary user, or set DATABASE_URL',
    { details: { passwd_file: passwdFile, looked_for: CANDIDATES } },
  );
}

/** Lines of passwd(5): name:password:uid:gid:comment:home:shell */
function parsePasswd(text: string): PostgresAccount[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (!name || name.startsWith('#') || !uid || !gid) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/**
 * Whether the account gets to `path`: the search bit on every directory above its real path, and `need` on itself. Access control
 * lists are not looked at.
 */
export async function reachable(path: string, account: PostgresAccount, need = SEARCH): Promise<boolean> {
  let current = await realpath(path);
  let bits = need;
  for (;;) {
    if (!permits(await stat(current), account, bits)) return false;
    const parent = dirname(current);
    if (parent === current) return true;
    current = parent;
    bits = SEARCH;
  }
}

// The kernel looks at the first class that fits, and at no other. A spawned process has no supplementary groups.
function permits(file: { mode: number; uid: number; gid: number }, account: PostgresAccount, bits: number): boolean {
  const shift = file.uid === account.uid ? 6 : file.gid === account.gid ? 3 : 0;
  return ((file.mode >> shift) & bits) === bits;
}

/**
 * Lets the account pass through a directory of ours that is closed to everyone else: search, no reading and no listing. Bits that
 * somebody has chosen stay as they are.
 */
export async function letPass(directory: string, account: PostgresAccount): Promise<void> {
  const { mode, uid } = await stat(directory);
  if (uid !== 0 || (mode & 0o077) !== 0) return;
  await chown(directory, uid, account.gid);
  await chmod(directory, (mode & 0o700) | 0o010);
}
