import { ChatClient, drillWords, Refused } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { TcpProxy } from '../support/tcp-proxy';
import { createEmptyDatabase } from '../support/database';
import { expectCompleted } from './load';

jest.setTimeout(60_000);

const RETURN_LIMIT_MS = 5_000;

interface Components {
  component_details: Record<string, { status: string; error_code?: number; reason?: string; suggestion?: string }>;
}

async function refusalOf(clarion: ClarionProcess): Promise<Refused> {
  const [outcome] = await Promise.allSettled([
    ChatClient.connect(clarion.url, { token: await clarion.token('alice') }),
  ]);
  if (outcome.status === 'fulfilled') throw new Error('a connection was admitted without a database');
  if (!(outcome.reason instanceof Refused)) throw outcome.reason;
  return outcome.reason;
}

async function admitted(clarion: ClarionProcess, token: string): Promise<ChatClient | null> {
  const [outcome] = await Promise.allSettled([ChatClient.connect(clarion.url, { token })]);
  return outcome.status === 'fulfilled' ? outcome.value : null;
}

/** Polls until somebody is admitted, then has a whole conversation. */
async function expectServing(clarion: ClarionProcess, limitMs: number): Promise<void> {
  const token = await clarion.token('alice');
  const admissions: ChatClient[] = [];
  await clarion.until(async () => {
    const client = await admitted(clarion, token);
    if (client) admissions.push(client);
    return client !== null;
  }, limitMs);
  const client = admissions[0] as ChatClient;
  const { run_id } = await client.drill({ tokens: 5, per_second: 0 });
  await client.ended(run_id, limitMs);
  expectCompleted(client, run_id, drillWords(5));
  client.close();
}

it('a start without its database listens, says what is wrong everywhere, and comes up by itself when it appears', async () => {
  const database = await createEmptyDatabase();
  const proxy = await TcpProxy.before(database.url);
  proxy.refuse();
  const clarion = await ClarionProcess.start({ env: { DATABASE_URL: proxy.through(database.url) }, ready: false });
  try {
    const { message, envelope } = await refusalOf(clarion);
    const { error } = envelope;
    expect(message).toBe('DATABASE_UNAVAILABLE');
    expect(error).toMatchObject({ code: 1005, component: 'Database', retryable: true, root_cause: null });
    expect(error.retry_after_ms).toBeGreaterThan(0);
    const said = clarion.lines.filter(
      (line) => line['support_code'] === error.support_code && line['level'] === 'fatal',
    );
    expect(said).toHaveLength(1);

    const record = `/admin/api/errors/${error.support_code}`;
    const admin = await clarion.token('root', true);
    expect(await clarion.get(record, admin)).toMatchObject({
      status: 200,
      body: { support_code: error.support_code, reason: 'DATABASE_UNAVAILABLE', operation: 'handshake.mailbox' },
    });
    expect((await clarion.get('/health/ready')).status).toBe(503);
    await clarion.until(async () => {
      const { body } = await clarion.get<Components>('/health/components');
      const { status, error_code, suggestion = '' } = body.component_details['database'] ?? {};
      return status === 'failed' && error_code === 1005 && suggestion.includes(`127.0.0.1:${proxy.port}`);
    });

    proxy.heal();
    const back = await clarion.until(() => clarion.answers('/health/startup'), RETURN_LIMIT_MS);
    await expectServing(clarion, RETURN_LIMIT_MS);
    console.log(`the database appeared: migrated and started ${Math.round(back)} ms later`);
    expect(await clarion.get(record, admin)).toMatchObject({ status: 200 });
  } finally {
    await clarion.dispose();
    await proxy.close();
    await database.drop();
  }
});

it('an embedded PostgreSQL that is killed under a running process is started again, and all works within seconds', async () => {
  const clarion = await ClarionProcess.start();
  try {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('bob') });
    const { run_id } = await client.drill({ tokens: 60, per_second: 40 });
    await client.until(() => (client.answers.get(run_id)?.answer.length ?? 0) > 30 || undefined);
    const pid = await clarion.postmasterPid();
    const killedAt = performance.now();
    process.kill(pid ?? NaN, 'SIGKILL');
    await clarion.until(async () => ![null, pid].includes(await clarion.postmasterPid()), RETURN_LIMIT_MS);
    await expectServing(clarion, RETURN_LIMIT_MS);
    const servedAt = performance.now();
    console.log(`embedded PostgreSQL killed: served again ${Math.round(servedAt - killedAt)} ms later`);
    expect(servedAt - killedAt).toBeLessThan(RETURN_LIMIT_MS);
    await client.ended(run_id);
    expectCompleted(client, run_id, drillWords(60));
    expect(client.of('agent_recovering')).toEqual([]);
    client.close();
  } finally {
    await clarion.dispose();
  }
});
