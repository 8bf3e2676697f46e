import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClarionProcess, ROOT } from '../support/clarion-process';
import { createEmptyDatabase, createTestDatabase } from '../support/database';

jest.setTimeout(60_000);

const PRODUCTION = {
  NODE_ENV: 'production',
  AUTH_JWT_SECRET: 'x'.repeat(32),
  AUTH_JWT_ISSUER: 'https://issuer.example',
  AUTH_JWT_AUDIENCE: 'clarion',
};

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'clarion-refused-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('a second process', () => {
  it('on the same DATA_DIR is told who has it, and the first goes on', async () => {
    const first = await ClarionProcess.start();
    try {
      const { code, output } = await ClarionProcess.startAndExit({ dataDir: first.dataDir });
      expect(code).toBe(1);
      expect(output).toMatch(/^1006 DATA_DIR_IN_USE: /m);
      expect(output).toContain(`"pid":${first.pid}`);
      expect(output).toContain('docs/errors/DATA_DIR_IN_USE.md');
      expect(await first.answers('/health/ready')).toBe(true);
    } finally {
      await first.dispose();
    }
  });

  it('on the same DATABASE_URL is refused, and may start when the first has gone', async () => {
    const database = await createTestDatabase();
    const env = { DATABASE_URL: database.url };
    const first = await ClarionProcess.start({ env });
    try {
      const { code, output } = await ClarionProcess.startAndExit({ dataDir, env });
      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining('1006 ANOTHER_PROCESS_RUNNING'),
      });
      await first.crash();
      const second = await ClarionProcess.start({ dataDir, env });
      expect(await second.stop()).toBe(0);
    } finally {
      await first.dispose();
      await database.drop();
    }
  });
});

it('a port that is taken is named, and nothing stays behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const refused = await ClarionProcess.spawn({ dataDir, port });
  expect(await refused.exit()).toBe(1);
  expect(refused.output).toMatch(/^1006 PORT_IN_USE: /m);
  expect(refused.output).toContain(String(port));
  expect(refused.postgresProcesses).toEqual([]);
  taken.close();
});

describe('a bad environment', () => {
  it('is refused with every problem at once, each with its name, what was found and what is allowed', async () => {
    const env = { PORT: 'eighty', WORKER_CONCURRENCY: '0', LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://u:secret@x' };
    const { code, output } = await ClarionProcess.startAndExit({ dataDir, env });
    expect(code).toBe(1);
    expect(output).toMatch(/^1006 CONFIGURATION_INVALID: /);
    for (const [name, found] of Object.entries(env))
      expect(output).toMatch(
        new RegExp(`^${name}: found "${name === 'DATABASE_URL' ? '.hidden.' : found}"; allowed: .+`, 'm'),
      );
    expect(output).not.toContain('secret@');
  });

  it('in production without a word on authentication is refused', async () => {
    const { code, output } = await ClarionProcess.startAndExit({ dataDir, env: { NODE_ENV: 'production' } });
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringMatching(/1006 CONFIGURATION_INVALID[^]*AUTH_JWT_SECRET: found nothing/),
    });
  });

  it('in production with development conveniences names each of them', async () => {
    const env = { ...PRODUCTION, DRILL_AGENT: '1', EXPOSE_ROOT_CAUSES: '1', HEALTH_DETAILS: 'always' };
    const { code, output } = await ClarionProcess.startAndExit({ dataDir, env });
    expect(code).toBe(1);
    for (const name of ['DRILL_AGENT', 'EXPOSE_ROOT_CAUSES', 'HEALTH_DETAILS'])
      expect(output).toMatch(new RegExp(`^${name}: found `, 'm'));
  });
});

describe('pending migrations in production', () => {
  const ready = (env: Record<string, string>) =>
    ClarionProcess.start({ dataDir, env: { ...PRODUCTION, HOST: '127.0.0.1', ...env } });

  it('refuse the start until `npm run migrate` has applied them', async () => {
    const database = await createEmptyDatabase();
    const env = { ...PRODUCTION, DATABASE_URL: database.url };
    const { code, output } = await ClarionProcess.startAndExit({ dataDir, env });
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringContaining('1005 DATABASE_SCHEMA_OUTDATED'),
    });

    const migrate = () =>
      spawnSync(process.execPath, [join(ROOT, 'dist/cli/migrate.js')], { cwd: dataDir, env, encoding: 'utf8' });
    expect(migrate()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Applied:\n/) });
    expect(migrate()).toMatchObject({ status: 0, stdout: 'Up to date.\n' });
    const clarion = await ready(env);
    expect(await clarion.stop()).toBe(0);
    await database.drop();
  });

  it('are applied at the start where MIGRATE_ON_START=1 asks for it', async () => {
    const database = await createEmptyDatabase();
    const clarion = await ready({ DATABASE_URL: database.url, MIGRATE_ON_START: '1' });
    expect(await clarion.stop()).toBe(0);
    await database.drop();
  });
});
