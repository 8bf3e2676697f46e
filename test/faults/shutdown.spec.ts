import { spawnSync } from 'node:child_process';
import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { createTestDatabase } from '../support/database';
import { rootIsHere } from '../support/requirements';
import { TcpProxy } from '../support/tcp-proxy';
import { disconnected, expectCompleted, expectGapless } from './load';

jest.setTimeout(60_000);

const NOBODY = { uid: 65_534, gid: 65_534 };
const asRoot = rootIsHere() ? it : it.skip;
const STOP_LIMIT_MS = 10_000;

let clarion: ClarionProcess;
let clients: ChatClient[];

beforeEach(() => {
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await clarion.dispose();
});

async function connect(cursor?: string): Promise<ChatClient> {
  const client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice'), cursor });
  clients.push(client);
  return client;
}

/** A run that is being written and takes some 60 s more. */
async function longRun(client: ChatClient): Promise<string> {
  const { run_id } = await client.drill({ tokens: 600, per_second: 10 });
  await client.until(() => client.answers.get(run_id)?.answer || undefined);
  return run_id;
}

function processesOfGroup(pgid: number): string {
  return spawnSync('ps', ['-o', 'pid=,stat=,command=', '-g', String(pgid)], { encoding: 'utf8' }).stdout;
}

it('SIGTERM lets a short run finish, tells the clients before they are let go, and leaves no process', async () => {
  clarion = await ClarionProcess.start();
  const client = await connect();
  const { run_id } = await client.drill({ tokens: 40, per_second: 40 });
  await client.until(() => client.answers.get(run_id)?.answer || undefined);
  clarion.signal('SIGTERM');
  await Promise.all([clarion.exit(STOP_LIMIT_MS), disconnected(client)]);
  expect(await clarion.exit()).toBe(0);
  expect(client.ephemeral('server_draining')).toEqual([{ reconnect_after_ms: expect.any(Number) }]);
  expect(clarion.postgresProcesses).toEqual([]);

  clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
  const after = await connect(client.cursor);
  expect(after.of('agent_completed')).toHaveLength(1);
  expectCompleted(after, run_id, drillWords(40));
  expectGapless([...client.events, ...after.events]);
});

it('SIGTERM hands over a run that would take too long, and the next start finishes it', async () => {
  clarion = await ClarionProcess.start({ env: { SHUTDOWN_GRACE_MS: '300' } });
  const client = await connect();
  const { run_id } = await client.drill({ tokens: 90, per_second: 30 });
  await client.until(() => client.answers.get(run_id)?.answer || undefined);
  clarion.signal('SIGTERM');
  await disconnected(client);
  expect(await clarion.exit(STOP_LIMIT_MS)).toBe(0);
  expect(clarion.postgresProcesses).toEqual([]);

  clarion = await ClarionProcess.start({ dataDir: clarion.dataDir });
  const after = await connect(client.cursor);
  await after.ended(run_id);
  expectCompleted(after, run_id, drillWords(90));
  expectGapless([...client.events, ...after.events]);
});

it('SIGINT twice within milliseconds, as below npm, drains once and exits 0', async () => {
  clarion = await ClarionProcess.start({ env: { SHUTDOWN_GRACE_MS: '300' } });
  await longRun(await connect());
  clarion.signal('SIGINT');
  clarion.signal('SIGINT');
  expect(await clarion.exit(STOP_LIMIT_MS)).toBe(0);
  expect(clarion.lines.filter(({ msg }) => msg === 'Stopping')).toHaveLength(1);
  expect(clarion.postgresProcesses).toEqual([]);
});

it('Ctrl-C at `npm start` reaches the whole process group and leaves nothing behind', async () => {
  clarion = await ClarionProcess.start({ command: ['npm', 'start'], group: true, env: { SHUTDOWN_GRACE_MS: '300' } });
  await longRun(await connect());
  expect(clarion.postgresProcesses).not.toEqual([]);
  process.kill(-clarion.pid, 'SIGINT');
  await clarion.exit(STOP_LIMIT_MS);
  expect(processesOfGroup(clarion.pid)).toBe('');
  expect(clarion.postgresProcesses).toEqual([]);
  expect(clarion.output).not.toContain('"level":"fatal"');
});

it('a signal during the start is obeyed, with nothing left behind', async () => {
  clarion = await ClarionProcess.start({ ready: false });
  clarion.signal('SIGTERM');
  expect(await clarion.exit(STOP_LIMIT_MS)).toBe(0);
  expect(clarion.postgresProcesses).toEqual([]);
});

it('SIGTERM while the database is silent still ends in time', async () => {
  const database = await createTestDatabase();
  const proxy = await TcpProxy.before(database.url);
  clarion = await ClarionProcess.start({
    env: { DATABASE_URL: proxy.through(database.url), SHUTDOWN_GRACE_MS: '300' },
  });
  await longRun(await connect());
  proxy.hang();
  clarion.signal('SIGTERM');
  const began = performance.now();
  expect(await clarion.exit(STOP_LIMIT_MS)).toBe(0);
  console.log(`SIGTERM with a silent database: ended after ${Math.round(performance.now() - began)} ms`);
  await proxy.close();
  await database.drop();
});

asRoot('an ordinary user starts it from a directory of his own', async () => {
  clarion = await ClarionProcess.start({ account: NOBODY });
  const client = await connect();
  const { run_id } = await client.drill({ tokens: 5, per_second: 0 });
  await client.ended(run_id);
  expectCompleted(client, run_id, drillWords(5));
  expect(await clarion.stop()).toBe(0);
  expect(clarion.postgresProcesses).toEqual([]);
});
