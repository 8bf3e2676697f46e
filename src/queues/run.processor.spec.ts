import { once } from 'node:events';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import type { RunExecutor } from '../agents';
import { ComponentError } from '../errors';
import { Database } from '../persistence';
import { RunProcessor } from './run.processor';

const job = { run_id: '019a8f00-0000-7000-8000-000000000001', dispatch: 1 };

let postgres: TestDatabase;
let proxy: TcpProxy;
let database: Database;
let attempts: number;

beforeEach(async () => {
  postgres = await createTestDatabase();
  proxy = await TcpProxy.before(postgres.url);
  database = new Database({ poolSize: 2, connectTimeoutMs: 500, statementTimeoutMs: 500 });
  database.connect(proxy.through(postgres.url));
  database.markOpened();
  attempts = 0;
});

afterEach(async () => {
  await database.close();
  await proxy.close();
  await postgres.drop();
});

function processor(execute: () => Promise<unknown>): RunProcessor {
  const counted = async (): Promise<void> => {
    attempts += 1;
    await execute();
  };
  return new RunProcessor({ execute: counted } as unknown as RunExecutor, database);
}

async function outage(): Promise<void> {
  const away = new AbortController();
  database.onDown(() => away.abort());
  proxy.refuse();
  await Promise.allSettled([database.query('SELECT 1')]);
  if (!away.signal.aborted) await once(away.signal, 'abort');
}

it('waits for a database that is away, and runs as soon as it is back', async () => {
  await outage();
  const done = processor(() => database.query('SELECT 1')).process(job);
  const back = new Promise<void>((resolve) => database.onReady(resolve));
  proxy.heal();
  await back;
  const returnedAt = performance.now();
  await done;
  expect(performance.now() - returnedAt).toBeLessThan(1_000);
  expect(attempts).toBe(2);
});

it('gives up waiting when it is told to stop', async () => {
  await outage();
  const runs = processor(() => database.query('SELECT 1'));
  const done = expect(runs.process(job)).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  runs.stop();
  await done;
});

it('does not repeat what fails for any other reason', async () => {
  const failure = ComponentError.database('DATABASE_CONFLICT');
  await expect(processor(() => Promise.reject(failure)).process(job)).rejects.toBe(failure);
  expect(attempts).toBe(1);
});
