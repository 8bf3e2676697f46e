import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres.error';

export interface DataDirLock {
  release(): Promise<void>;
}

const ANSWER_LIMIT_MS = 1_000;
const LONGEST_PID = 20;

/**
 * Makes this process the only owner of `directory` for as long as it lives. What is held is a listening socket named after the
 * directory, so the kernel releases it at any death, at once. It reaches as far as one machine's (one container's) network namespace.
 *
 * @throws EmbeddedPostgresError DATA_DIR_IN_USE with the owner's pid in `details.pid` (null if the owner does not answer).
 */
export async function acquireDataDirLock(directory: string, platform = process.platform): Promise<DataDirLock> {
  const real = await realpath(directory);
  const name = `clarion-${createHash('sha256').update(real).digest('hex').slice(0, 32)}`;
  const abstract = platform === 'linux';
  const address = abstract ? `\0${name}` : join(tmpdir(), `${name}.sock`);
  const server = (await listen(address)) ?? (abstract ? null : await listenOverStaleFile(address));
  if (!server) throw await inUse(real, address);
  return { release: () => close(server) };
}

/** @returns null when somebody else has the address. */
function listen(address: string): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()); // the asker went away
    socket.end(String(process.pid));
  });
  return new Promise((resolve, reject) => {
    // Once it listens, an error concerns only somebody's question for the pid; the address stays ours.
    server.on('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(null) : reject(error)));
    server.listen({ path: address, exclusive: true }, () => resolve(server.unref()));
  });
}

/** Where there are no abstract sockets a socket's file outlives its process; nobody answers on it then. */
async function listenOverStaleFile(address: string): Promise<Server | null> {
  if ((await askOwner(address)) !== 'nobody') return null;
  await rm(address, { force: true });
  return listen(address);
}

async function inUse(directory: string, address: string): Promise<EmbeddedPostgresError> {
  const pid = Number.parseInt(await askOwner(address), 10) || null;
  const owner = pid ? `process ${pid}` : 'another process';
  return new EmbeddedPostgresError(
    'DATA_DIR_IN_USE',
    `${directory} is in use by ${owner}: stop it, or choose another DATA_DIR`,
    { details: { data_dir: directory, pid } },
  );
}

/** The pid of whoever listens at `address`, as text; `nobody` when there is no listener, `silent` when it does not answer in time. */
function askOwner(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(ANSWER_LIMIT_MS, () => {
      socket.destroy();
      resolve('silent');
    });
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (answer.length < LONGEST_PID) answer += text.slice(0, LONGEST_PID);
    });
    socket.once('end', () => resolve(answer));
    socket.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve('nobody');
      else reject(error);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
