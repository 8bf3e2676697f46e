import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireDataDirLock } from './data-dir-lock';
import { SOURCES } from './embedded-postgres.fixture';

const HOLDER = `${SOURCES}
sources.acquireDataDirLock(process.argv[2], process.argv[3]).then(() => console.log('held'));
setInterval(() => undefined, 60_000);
`;

// What macOS does works on Linux too.
describe.each(['linux', 'darwin'] as const)('the lock on a data directory (%s)', (platform) => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'clarion-lock-'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function holder() {
    const child = spawn(process.execPath, ['-e', HOLDER, join(__dirname, 'data-dir-lock.ts'), directory, platform], {
      cwd: __dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return {
      pid: child.pid,
      kill: async (signal: NodeJS.Signals) => {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      },
      pause: () => child.kill('SIGSTOP'),
    };
  }

  it('names its owner to who comes second, also by another path, until it is released', async () => {
    const lock = await acquireDataDirLock(directory, platform);
    const alias = `${directory}-alias`;
    symlinkSync(directory, alias);
    const refusal = { reason: 'DATA_DIR_IN_USE', details: { pid: process.pid } };
    await expect(acquireDataDirLock(directory, platform)).rejects.toMatchObject(refusal);
    await expect(acquireDataDirLock(alias, platform)).rejects.toMatchObject(refusal);
    rmSync(alias);
    await lock.release();
    const again = await acquireDataDirLock(directory, platform);
    await again.release();
  });

  it('is free at once when its owner is killed', async () => {
    const owner = await holder();
    const refusal = { reason: 'DATA_DIR_IN_USE', details: { pid: owner.pid } };
    await expect(acquireDataDirLock(directory, platform)).rejects.toMatchObject(refusal);
    await owner.kill('SIGKILL');
    const lock = await acquireDataDirLock(directory, platform);
    await lock.release();
  });

  it('is kept by an owner that does not answer', async () => {
    const owner = await holder();
    owner.pause();
    const refusal = { reason: 'DATA_DIR_IN_USE', details: { pid: null } };
    await expect(acquireDataDirLock(directory, platform)).rejects.toMatchObject(refusal);
    await owner.kill('SIGKILL');
    const lock = await acquireDataDirLock(directory, platform);
    await lock.release();
  });
});
