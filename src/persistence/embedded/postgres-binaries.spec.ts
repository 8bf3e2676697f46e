import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateBinaries, restoreLinks } from './postgres-binaries';

describe('the binaries that npm installed', () => {
  it('are found with their version', async () => {
    const { version, postgres } = await locateBinaries();
    expect(version).toMatch(/^18\./);
    expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toContain('(PostgreSQL) 18.');
  });

  it('that do not exist for a platform are told of with the way out', async () => {
    const failure = { reason: 'EMBEDDED_POSTGRES_MISSING', message: expect.stringContaining('DATABASE_URL') };
    await expect(locateBinaries('sunos-sparc')).rejects.toMatchObject(failure);
  });

  it('get the library links that a skipped install script has not made', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'clarion-links-'));
    const lib = join(directory, 'native', 'lib');
    mkdirSync(lib, { recursive: true });
    writeFileSync(join(lib, 'libpq.so.5.18'), 'library');
    const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
    writeFileSync(join(directory, 'native', 'pg-symlinks.json'), JSON.stringify(links));
    await Promise.all([restoreLinks(directory), restoreLinks(directory)]);
    await restoreLinks(directory);
    expect(readlinkSync(join(lib, 'libpq.so.5'))).toBe('libpq.so.5.18');
    expect(readFileSync(join(lib, 'libpq.so.5'), 'utf8')).toBe('library');
    rmSync(directory, { recursive: true });
  });
});
