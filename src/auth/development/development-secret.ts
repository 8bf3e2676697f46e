import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ComponentError } from '../../errors';

export const DEVELOPMENT_ISSUER = 'clarion-development';
export const DEVELOPMENT_AUDIENCE = 'clarion';

const FILE = 'dev-issuer-secret';
const SECRET_BYTES = 32;

/**
 * The development issuer's key, kept in `DATA_DIR/dev-issuer-secret` (mode 0600) and created at first use. Processes
 * that start at the same time get the same key.
 * @throws ComponentError DATA_DIR_UNUSABLE
 */
export async function developmentSecret(dataDir: string): Promise<KeyObject> {
  const path = join(dataDir, FILE);
  const secret = Buffer.from((await readOrCreate(path)).trim(), 'base64url');
  if (secret.length === SECRET_BYTES) return createSecretKey(secret);
  const problem = 'no secret of the development issuer in it; once it is deleted, the next start writes one';
  throw ComponentError.dependencies('DATA_DIR_UNUSABLE', { details: { path, problem } });
}

async function readOrCreate(path: string): Promise<string> {
  try {
    return (await readIfPresent(path)) ?? (await create(path));
  } catch (cause) {
    const problem = (cause as NodeJS.ErrnoException).code;
    throw ComponentError.dependencies('DATA_DIR_UNUSABLE', { details: { path, problem }, cause });
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
    return await readFile(path, 'utf8');
  } catch (error) {
    return expected(error, 'ENOENT');
  }
}

/** Written whole under another name, then linked: nobody reads half a secret, and of two writers one wins. */
async function create(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(SECRET_BYTES).toString('base64url')}\n`);
    await file.sync();
    await linkUnlessPresent(draft, path);
  } finally {
    await file.close();
    await unlink(draft);
  }
  return readFile(path, 'utf8');
}

async function linkUnlessPresent(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    return expected(error, 'EEXIST');
  }
}

function expected(error: unknown, code: string): undefined {
  if ((error as NodeJS.ErrnoException).code !== code) throw error;
}
