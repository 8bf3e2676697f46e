import type { AlertNotice } from '../../src/alerts';
import type { FailureStory } from '../../src/admin';
import { FaultyProxy } from '../support/faulty-proxy';
import { ClarionProcess } from '../support/clarion-process';
import { Cluster } from '../support/cluster';
import { createTestDatabase, rowsOf, type TestDatabase } from '../support/database';
import { redisIsHere } from '../support/redis-server';
import { TcpProxy } from '../support/tcp-proxy';
import { verified, WebhookReceiver } from '../support/webhook-receiver';

jest.setTimeout(120_000);

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;
/** A process looks for the first time after ten seconds, a component is quiet for ten until it is well. */
const TOLD_MS = 40_000;
const LATENCY_MS = 400;

const CRITICAL = `
INSERT INTO error_records (support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, details, private_details, notify)
VALUES ('INTERNAL_ERROR_7K3F9QXM', 1011, 'INTERNAL_ERROR', 'Internal', 'critical', 'f', 'a.test', now(), now(), 1, '{}', '{}', false)`;

let receiver: WebhookReceiver;

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
});

afterEach(() => receiver.close());

const settings = () => ({
  ALERT_CHANNELS: 'webhook',
  ALERT_WEBHOOK_URL: receiver.url,
  ALERT_WEBHOOK_SECRET: SECRET,
  ALERT_WAIT_MS: '1000',
  OUTBOUND_PRIVATE_ADDRESSES: '1',
});
const told = () => receiver.received.map((received) => verified<{ data: AlertNotice }>(SECRET, received).data);
const words = () => told().map(({ action, group }) => `${action} ${group}`);
const ids = () => receiver.received.map(({ headers }) => headers['webhook-id']);

/** The database's, once from its beginning to its end, and until then nothing of what follows from that. */
function expectOneAlert(): void {
  expect(words().filter((word) => word.endsWith(' database'))).toEqual(['trigger database', 'resolve database']);
  const until = words().slice(0, words().indexOf('resolve database'));
  const followers = ['queues', 'tasks', 'supervisor', 'bridge', 'handler', 'factory', 'alerts'];
  expect(until.filter((word) => followers.some((follower) => word === `trigger ${follower}`))).toEqual([]);
}

describe('a process', () => {
  let database: TestDatabase;
  let clarion: ClarionProcess;
  let toClose: TcpProxy | FaultyProxy | undefined;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await clarion.dispose();
    await toClose?.close();
    toClose = undefined;
    await database.drop();
  });

  async function restart(): Promise<void> {
    const { dataDir, options, port } = clarion;
    await clarion.crash();
    clarion = await ClarionProcess.start({ ...options, dataDir, port });
  }

  it('tells of an outage of its database once, of nothing that follows from it, and of its end', async () => {
    const proxy = (toClose = await TcpProxy.before(database.url));
    clarion = await ClarionProcess.start({ env: { ...settings(), DATABASE_URL: proxy.through(database.url) } });
    const admin = await clarion.token('root', true);
    proxy.refuse();
    await clarion.until(() => receiver.received.length > 0, TOLD_MS);
    const { body: failure } = await clarion.get<FailureStory>('/admin/api/statistics', admin);
    expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
    proxy.heal();
    await clarion.until(() => words().includes('resolve database'), TOLD_MS);
    expectOneAlert();
    expect(told().find(({ group }) => group === 'database')).toMatchObject({
      severity: 'critical',
      details: { error_code: 1005 },
    });

    const { body: story } = await clarion.get<FailureStory>(`/admin/api/errors/${failure.support_code}`, admin);
    expect(story).toMatchObject({
      component: 'Database',
      alerts: expect.arrayContaining([
        expect.objectContaining({ rule: 'component-failed', component: 'database' }),
      ]) as unknown,
    });
  });

  it('that is killed between storing a message and sending it sends it after its restart, once', async () => {
    const proxy = (toClose = await FaultyProxy.before([Number(new URL(database.url).port)]));
    const proxied = new URL(database.url);
    proxied.port = String(proxy.port);
    clarion = await ClarionProcess.start({ env: { ...settings(), DATABASE_URL: proxied.href } });
    const stored = () =>
      rowsOf<{ id: string; status: string }>(database.url, 'SELECT id, status FROM alert_deliveries');
    // An answer that is on its way for so long: the process does not know yet of what it has stored.
    proxy.slow(() => true, LATENCY_MS);
    await rowsOf(database.url, CRITICAL);
    await clarion.until(async () => (await stored()).length > 0, TOLD_MS);
    clarion.signal('SIGKILL');
    await clarion.exit();
    expect(receiver.received).toHaveLength(0);
    const kept = await stored();
    await restart();
    await clarion.until(async () => (await stored()).every(({ status }) => status === 'sent'), TOLD_MS);
    for (const { id } of kept) expect(ids().filter((sent) => sent === id)).toHaveLength(1);
  });

  it('that is killed while its message is on the way sends it again after its restart, under the same id', async () => {
    clarion = await ClarionProcess.start({ env: { ...settings(), DATABASE_URL: database.url } });
    receiver.next.push('never');
    await rowsOf(database.url, CRITICAL);
    await clarion.until(() => receiver.received.length > 0, TOLD_MS);
    await restart();
    await clarion.until(() => receiver.received.length > 1, TOLD_MS);
    const [first, second] = ids();
    expect(second).toBe(first);
    expect(words()).toEqual(['trigger internal', 'trigger internal']);
  });
});

(redisIsHere() ? describe : describe.skip)('several processes', () => {
  let cluster: Cluster;
  let proxy: TcpProxy;

  beforeEach(async () => {
    cluster = await Cluster.create();
    proxy = await TcpProxy.before(cluster.database.url);
  });

  afterEach(async () => {
    await cluster.dispose();
    await proxy.close();
  });

  it('tell of an outage of their database once between them, and of its end', async () => {
    const env = { ...settings(), DATABASE_URL: proxy.through(cluster.database.url) };
    const [gateway, worker] = await Promise.all([cluster.start('gateway', env), cluster.start('worker', env)]);
    proxy.refuse();
    const alerting = ({ lines }: ClarionProcess) =>
      lines.some(({ rule, action }) => rule === 'component-failed' && action === 'trigger');
    for (const clarion of [gateway, worker]) await clarion.until(() => alerting(clarion), TOLD_MS);
    proxy.heal();
    await gateway.until(() => words().includes('resolve database'), TOLD_MS);
    expectOneAlert();
  });
});
