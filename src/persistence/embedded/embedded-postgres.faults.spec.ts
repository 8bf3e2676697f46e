import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { rootIsHere } from '../../../test/support/requirements';
import { EmbeddedPostgres, type EmbeddedPostgresOptions, findPostgresAccount, locateBinaries } from '.';
import { isAlive, type Owner, processesOf, query, spawnOwner, until } from './embedded-postgres.fixture';
import { clusterName, endLeftovers } from './leftovers';
import { reachable } from './postgres-account';

const NOBODY = { uid: 65_534, gid: 65_534 };
const asRoot = rootIsHere() ? it : it.skip;

let directory: string;
let dataDir: string;
let cleanUp: (() => Promise<void>)[];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'clarion-embedded-')));
  chmodSync(directory, 0o755);
  dataDir = join(directory, 'data');
  cleanUp = [];
});

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  rmSync(directory, { recursive: true, force: true });
});

function embedded(options: Partial<EmbeddedPostgresOptions> = {}): EmbeddedPostgres {
  const postgres = new EmbeddedPostgres({ dataDir, log: () => undefined, ...options });
  cleanUp.push(() => postgres.stop());
  return postgres;
}

function owner(account = {}): Owner {
  const started = spawnOwner(dataDir, account);
  cleanUp.push(() => started.end('SIGTERM'));
  return started;
}

const writeNote = (url: string): Promise<unknown> => query(url, `CREATE TABLE note AS SELECT 'kept'::text AS text`);
const readNote = (url: string): Promise<unknown> => query(url, 'SELECT text FROM note');
const NOTE = [{ text: 'kept' }];
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a data directory', () => {
  it('gets a durable UTF-8 database that only a password opens, and keeps it over a restart', async () => {
    const first = embedded();
    const { url, host, port } = await first.start();
    expect(host).toBe('127.0.0.1');
    expect(
      await query(
        url,
        `SELECT current_database() AS name, current_setting('server_encoding') AS encoding,
      current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
      ),
    ).toEqual([{ name: 'clarion', encoding: 'UTF8', fsync: 'on', commit: 'on' }]);
    await expect(query(`postgres://clarion:guess@${host}:${port}/clarion`, 'SELECT 1')).rejects.toMatchObject({
      code: '28P01',
    });
    await writeNote(url);
    await first.stop();
    expect(await readNote((await embedded().start()).url)).toEqual(NOTE);
  });

  it('is closed to others, and the password is in no command line', async () => {
    const { url } = await embedded().start();
    expect(modeOf(dataDir) & 0o067).toBe(0); // a group may pass, not list: the account that root lends PostgreSQL
    expect(modeOf(join(dataDir, 'postgres-password'))).toBe(0o600);
    expect(modeOf(join(dataDir, 'postgres.log'))).toBe(0o600);
    const [server] = processesOf(dataDir);
    expect(server).toContain(join(dataDir, 'postgres'));
    expect(server).not.toContain(new URL(url).password);
  });

  it('is refused to a second process, which learns who has it', async () => {
    const { url } = await embedded().start();
    await expect(owner().next()).resolves.toMatchObject({
      event: 'failed',
      reason: 'DATA_DIR_IN_USE',
      details: { data_dir: dataDir, pid: process.pid },
    });
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('that cannot be one is refused with the reason of the file system', async () => {
    writeFileSync(dataDir, 'a file');
    const failure = { reason: 'DATA_DIR_UNUSABLE', details: { code: 'ENOTDIR' } };
    await expect(embedded().start()).rejects.toMatchObject(failure);
  });

  it('without its password is refused, and untouched', async () => {
    const first = embedded();
    await first.start();
    await first.stop();
    unlinkSync(join(dataDir, 'postgres-password'));
    await expect(embedded().start()).rejects.toMatchObject({ reason: 'DATA_DIR_UNUSABLE' });
    expect(existsSync(join(dataDir, 'postgres-password'))).toBe(false);
  });

  it('in which PostgreSQL cannot start shows the end of its log, and is free again', async () => {
    const first = embedded();
    await first.start();
    await first.stop();
    writeFileSync(join(dataDir, 'postgres', 'postgresql.conf'), 'no such setting\n');
    await expect(embedded().start()).rejects.toMatchObject({
      reason: 'EMBEDDED_POSTGRES_FAILED',
      details: { exit: 'exit 1', log: expect.stringContaining('syntax error') },
    });
    writeFileSync(join(dataDir, 'postgres', 'postgresql.conf'), '');
    await expect(embedded().start()).resolves.toBeDefined();
  });

  it('written by another major version is refused', async () => {
    mkdirSync(join(dataDir, 'postgres'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres-password'), 'secret\n');
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '12\n');
    const failure = { reason: 'DATA_DIR_UNUSABLE', details: { found: '12', expected: '18' } };
    await expect(embedded().start()).rejects.toMatchObject(failure);
  });
});

describe('a killed owner', () => {
  it('leaves an orphan, which the next start stops without losing data', async () => {
    const killed = owner();
    const { url, pid } = await killed.next();
    await writeNote(url);
    await killed.end('SIGKILL');
    expect(await readNote(url)).toEqual(NOTE); // it is still there
    const next = embedded();
    expect(await readNote((await next.start()).url)).toEqual(NOTE);
    expect(next.pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  it('leaves an orphan that is found without /proc as well', async () => {
    const killed = owner();
    const { pid } = await killed.next();
    await killed.end('SIGKILL');
    expect(await endLeftovers(join(dataDir, 'postgres'), 'darwin')).toContain(pid);
    expect(isAlive(pid)).toBe(false);
    expect(await endLeftovers(join(dataDir, 'postgres'), 'darwin')).toEqual([]);
  });

  it('leaves its data to the next start when PostgreSQL is killed with it, a busy backend surviving', async () => {
    const killed = owner();
    const { url, pid } = await killed.next();
    await writeNote(url);
    const busy = new Client({ connectionString: url });
    busy.on('error', () => undefined);
    await busy.connect();
    const [row] = (await busy.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    const cut = expect(busy.query('SELECT count(*) FROM generate_series(1, 1e12)')).rejects.toThrow();
    await until(() =>
      processesOf(`${clusterName(join(dataDir, 'postgres'))}: `).some((title) => title.endsWith('SELECT')),
    );
    process.kill(pid, 'SIGKILL');
    await killed.end('SIGKILL');
    expect(isAlive(row?.pid)).toBe(true);
    expect(await readNote((await embedded().start()).url)).toEqual(NOTE);
    expect(isAlive(row?.pid)).toBe(false);
    await cut;
  });

  it('in the middle of initdb leaves nothing half-made', async () => {
    const killed = owner();
    const staging = (): string[] =>
      existsSync(dataDir) ? readdirSync(dataDir).filter((name) => name.startsWith('.postgres-init-')) : [];
    await until(() => staging().some((name) => existsSync(join(dataDir, name, 'data', 'PG_VERSION'))));
    await killed.end('SIGKILL');
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    const { url } = await embedded().start();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(staging()).toEqual([]);
  });

  it('leaves a pid that somebody else has by now, who is not harmed', async () => {
    const first = embedded();
    await first.start();
    await first.stop();
    const bystander = spawn('sleep', ['60']);
    cleanUp.push(async () => {
      const ended = once(bystander, 'exit');
      if (bystander.kill()) await ended;
    });
    writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${bystander.pid}\n${join(dataDir, 'postgres')}\n`);
    await embedded().start();
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  });
});

describe('a running server', () => {
  it('that is killed is started again on the same URL, and says so', async () => {
    const ups: string[] = [];
    let back = (): void => undefined;
    const isBack = new Promise<void>((resolve) => (back = resolve));
    const downs: unknown[] = [];
    const postgres = embedded({
      onDown: (error) => downs.push(error.details.exit),
      onUp: (url) => {
        ups.push(url);
        back();
      },
    });
    const { url } = await postgres.start();
    await writeNote(url);
    process.kill(postgres.pid ?? NaN, 'SIGKILL');
    await isBack;
    expect({ downs, ups }).toEqual({ downs: ['SIGKILL'], ups: [url] });
    expect(await readNote(url)).toEqual(NOTE);
  });

  it('does not feel Ctrl-C in the terminal of its owner', async () => {
    const shell = owner();
    const { url, pid } = await shell.next();
    process.kill(-shell.child.pid, 'SIGINT');
    expect(await shell.next()).toEqual({ event: 'sigint' });
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isAlive(pid)).toBe(true);
  });

  it('ends with stop(), which leaves no process and may be called again', async () => {
    const postgres = embedded();
    await postgres.start();
    expect(processesOf(dataDir)).not.toEqual([]);
    await Promise.all([postgres.stop(), postgres.stop()]);
    expect(processesOf(dataDir)).toEqual([]);
    expect(postgres.pid).toBeNull();
  });

  it('ends also when its owner exits without stop()', async () => {
    const careless = owner();
    await careless.next();
    await careless.end('SIGUSR2');
    await until(() => processesOf(dataDir).length === 0);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false); // in order, that is
  });

  it.each([
    ['at once', () => true],
    ['in initdb', () => processesOf(`${dataDir}/.postgres-init-`).length > 0],
    ['when the server is coming up', () => processesOf(`-D ${dataDir}/postgres -p`).length > 0],
  ])('stopped while it starts (%s) leaves no process, and the directory free', async (_moment, reached) => {
    const postgres = embedded();
    const started = expect(postgres.start()).rejects.toMatchObject({ reason: 'EMBEDDED_POSTGRES_FAILED' });
    await until(reached);
    await postgres.stop();
    await started;
    expect(processesOf(dataDir)).toEqual([]);
    await expect(embedded().start()).resolves.toBeDefined();
  });
});

describe('a server that does not come up', () => {
  it('is tried again with growing pauses, then given up', async () => {
    const attempts: number[] = [];
    const binaries = { ...(await locateBinaries()), postgres: '/bin/false' };
    const log = (_level: string, _message: string, { attempt }: Record<string, unknown>): void =>
      void attempts.push(Number(attempt));
    const failure = { reason: 'EMBEDDED_POSTGRES_FAILED', details: { exit: 'exit 1' } };
    await expect(embedded({ binaries, log }).start()).rejects.toMatchObject(failure);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('can be stopped between two attempts', async () => {
    const binaries = { ...(await locateBinaries()), postgres: '/bin/false' };
    let tell = (): void => undefined;
    const firstFailure = new Promise<void>((resolve) => (tell = resolve));
    const postgres = embedded({ binaries, log: tell });
    const started = expect(postgres.start()).rejects.toMatchObject({ reason: 'EMBEDDED_POSTGRES_FAILED' });
    await firstFailure;
    await postgres.stop();
    await started;
    await expect(embedded().start()).resolves.toBeDefined();
  });

  it('because its program is not there says so', async () => {
    const binaries = { ...(await locateBinaries()), initdb: join(directory, 'missing') };
    const failure = { reason: 'EMBEDDED_POSTGRES_FAILED', details: { failure: expect.stringContaining('ENOENT') } };
    await expect(embedded({ binaries }).start()).rejects.toMatchObject(failure);
  });
});

describe('the user who runs PostgreSQL', () => {
  asRoot('is another one for root, in a directory that user can reach', async () => {
    const { directory: home } = await embedded().start();
    expect(home).toBe(dataDir);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe((await findPostgresAccount())?.uid);
  });

  asRoot('is the one who asks, for an ordinary user', async () => {
    chownSync(directory, NOBODY.uid, NOBODY.gid);
    const ordinary = owner(NOBODY);
    const { url } = await ordinary.next();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(NOBODY.uid);
    expect(modeOf(dataDir)).toBe(0o700);
  });

  asRoot('stays the owner of the data when root starts later', async () => {
    chownSync(directory, NOBODY.uid, NOBODY.gid);
    const ordinary = owner(NOBODY);
    await writeNote((await ordinary.next()).url);
    await ordinary.end('SIGTERM');
    expect(await readNote((await embedded().start()).url)).toEqual(NOTE);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(NOBODY.uid);
  });

  asRoot(
    'gets data and binaries in the system directory when it cannot reach them, and DATA_DIR says where',
    async () => {
      const closed = join(directory, 'root');
      mkdirSync(closed, { mode: 0o700 });
      const installed = await locateBinaries();
      const root = join(closed, 'native');
      cpSync(installed.root, root, { recursive: true, verbatimSymlinks: true });
      const relocate = (path: string): string => path.replace(installed.root, root);
      const { initdb, postgres, pgCtl, version } = installed;
      const binaries = {
        version,
        root,
        initdb: relocate(initdb),
        postgres: relocate(postgres),
        pgCtl: relocate(pgCtl),
      };
      const options = { dataDir: join(closed, 'data'), binaries, systemDir: join(directory, 'system') };
      const warnings: string[] = [];

      const first = embedded({ ...options, log: (level, message) => level === 'warn' && warnings.push(message) });
      const { url, directory: home } = await first.start();
      await writeNote(url);
      expect(processesOf(`-D ${home}/postgres`)[0]).toContain(join(options.systemDir, `postgresql-${version}`));
      expect(readFileSync(join(options.dataDir, 'postgres-location'), 'utf8').trim()).toBe(home);
      expect(warnings).toEqual([expect.stringContaining('elsewhere')]);
      await first.stop();

      renameSync(options.dataDir, join(closed, 'moved'));
      const moved = embedded({ ...options, dataDir: join(closed, 'moved') });
      expect(await readNote((await moved.start()).url)).toEqual(NOTE);
      await moved.stop();

      rmSync(home, { recursive: true });
      const lost = embedded({ ...options, dataDir: join(closed, 'moved') });
      await expect(lost.start()).rejects.toMatchObject({ reason: 'DATA_DIR_UNUSABLE', details: { recorded: home } });
    },
  );

  it('is looked up in the list of accounts; root without any is told what to do', async () => {
    const list = join(directory, 'passwd');
    writeFileSync(list, '# accounts\nroot:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:\n');
    expect(await findPostgresAccount(0, list)).toEqual({ name: 'nobody', uid: 65_534, gid: 65_533 });
    writeFileSync(list, 'nobody:x:1:1::/:\npostgres:x:70:71::/:\n');
    expect(await findPostgresAccount(0, list)).toEqual({ name: 'postgres', uid: 70, gid: 71 });
    expect(await findPostgresAccount(1_000, list)).toBeNull();
    writeFileSync(list, 'root:x:0:0::/root:/bin/sh\n');
    await expect(findPostgresAccount(0, list)).rejects.toMatchObject({ reason: 'EMBEDDED_POSTGRES_FAILED' });
  });

  it('reaches a path by the bits of the first class that fits', async () => {
    const inner = join(directory, 'inner');
    mkdirSync(inner);
    const { uid, gid } = statSync(inner);
    const as = (account: { uid: number; gid: number }): Promise<boolean> => reachable(inner, { name: 'x', ...account });
    chmodSync(inner, 0o701);
    expect(await Promise.all([as({ uid, gid }), as({ uid: 4_711, gid }), as({ uid: 4_711, gid: 4_711 })])).toEqual([
      true,
      false,
      true,
    ]);
    chmodSync(directory, 0o700);
    expect(await as({ uid: 4_711, gid: 4_711 })).toBe(false);
  });
});
