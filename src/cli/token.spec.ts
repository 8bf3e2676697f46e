import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { PassportJwtStrategy } from '../auth/passport-jwt.strategy';
import { PassportJwtVerifier } from '../auth/passport-jwt.verifier';
import { RemoteAuth } from '../auth/remote/remote-auth';
import { TrustedIssuer } from '../auth/trusted-issuer';
import { loadConfig } from '../config';

const COMMAND = resolve(__dirname, '../../dist/cli/token.js');

let directory: string;
let dataDir: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clarion-token-'));
  dataDir = join(directory, 'data');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function run(args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DATA_DIR: dataDir,
      ...environment,
    },
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  const exit = new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { stdout, stderr, code };
}

async function principalOf(token: string) {
  const trusted = await TrustedIssuer.fromConfig(loadConfig({ DATA_DIR: dataDir }), new RemoteAuth(null, null));
  return new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted).verify(token);
}

describe('npm run token', () => {
  it('prints a token for an hour and nothing else', async () => {
    const { stdout, stderr, code } = await run(['--user', 'alice']);
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { user_id, admin, expires_at } = await principalOf(stdout.trim());
    expect([user_id, admin]).toEqual(['alice', false]);
    expect(Math.abs(expires_at.getTime() - Date.now() - 3_600_000)).toBeLessThan(30_000);
  });

  it('makes an admin for as long as it is told', async () => {
    const { stdout } = await run(['--user', 'root', '--admin', '--ttl', '2d']);
    const { admin, expires_at } = await principalOf(stdout.trim());
    expect(admin).toBe(true);
    expect(Math.abs(expires_at.getTime() - Date.now() - 172_800_000)).toBeLessThan(30_000);
  });

  it('agrees with every other process on the secret that the first of them writes', async () => {
    const users = ['a', 'b', 'c', 'd'];
    const outputs = await Promise.all(users.map((user) => run(['--user', user])));
    const principals = await Promise.all(outputs.map(({ stdout }) => principalOf(stdout.trim())));
    expect(principals.map(({ user_id }) => user_id)).toEqual(users);
    expect(await readdir(dataDir)).toEqual(['dev-issuer-secret']);
  });

  it.each([
    ['no user', []],
    ['an empty user', ['--user', '']],
    ['a lifetime without unit', ['--user', 'alice', '--ttl', '60']],
    ['a lifetime of nothing', ['--user', 'alice', '--ttl', '0s']],
    ['a lifetime of more than 30 days', ['--user', 'alice', '--ttl', '31d']],
    ['an unknown option', ['--user', 'alice', '--root']],
    ['a word too many', ['--user', 'alice', 'bob']],
  ])('shows its usage and ends with 2 on %s', async (_, args) => {
    const { stdout, stderr, code } = await run(args);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toContain('Usage: npm run token -- --user <name>');
  });

  it('says why there is no token where an issuer is configured', async () => {
    const { stdout, stderr, code } = await run(['--user', 'alice'], {
      AUTH_JWT_SECRET: 'a configured secret of 32 characters',
      AUTH_JWT_ISSUER: 'issuer',
      AUTH_JWT_AUDIENCE: 'clarion',
    });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toContain('There is no development issuer');
  });

  it('says what is wrong with the environment and the data directory', async () => {
    const environment = await run(['--user', 'alice'], { PORT: 'many' });
    expect([environment.code, environment.stderr]).toEqual([1, expect.stringContaining('PORT: found "many"')]);
    await writeFile(dataDir, 'a file where a directory should be');
    const directory = await run(['--user', 'alice']);
    expect([directory.code, directory.stderr]).toEqual([1, expect.stringContaining('ENOTDIR')]);
  });
});
