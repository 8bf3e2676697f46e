import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Room enough that nothing is degraded for want of it; memory is taken only by what is written. */
const SIZE = '1g';

/** False where file systems cannot be mounted, said loudly; `CLARION_FORBID_SKIP` makes that a failure. */
export function disksCanBeMade(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'clarion-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', directory]).status === 0;
  if (mounted) execFileSync('umount', [directory]);
  rmSync(directory, { recursive: true });
  if (mounted) return true;
  const message = 'SKIPPED: file systems can be mounted by root alone, the tests with a full disk did not run';
  if (process.env.CLARION_FORBID_SKIP) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** A file system of its own for a DATA_DIR, which is full when it is to be. */
export class SmallDisk {
  private readonly mountPoint = mkdtempSync(join(tmpdir(), 'clarion-disk-'));
  readonly dataDir = join(this.mountPoint, 'data');

  constructor() {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0711`, 'none', this.mountPoint]);
    mkdirSync(this.dataDir, { mode: 0o711 });
  }

  /** From now on it has room for what is in it, and no more. */
  fill(): void {
    for (;;) {
      const { blocks, bfree, bsize } = statfsSync(this.mountPoint);
      // Refused where more has been written in the meantime.
      if (this.resize(`${(blocks - bfree) * bsize}`)) return;
    }
  }

  makeRoom(): void {
    if (!this.resize(SIZE)) throw new Error(`${this.mountPoint} did not become larger`);
  }

  /** The URL of the embedded PostgreSQL in `dataDir`. */
  get databaseUrl(): string {
    const password = readFileSync(join(this.dataDir, 'postgres-password'), 'utf8').trim();
    const [, , , port] = readFileSync(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    return `postgres://clarion:${password}@127.0.0.1:${port}/clarion`;
  }

  dispose(): void {
    execFileSync('umount', ['-l', this.mountPoint]);
    rmSync(this.mountPoint, { recursive: true });
  }

  private resize(size: string): boolean {
    return spawnSync('mount', ['-o', `remount,size=${size}`, this.mountPoint]).status === 0;
  }
}
