import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database';
import { WebhookReceiver } from '../../../test/support/webhook-receiver';
import { loadConfig } from '../../config';
import { classify, type Failure, FailureReporter } from '../../errors';
import { OutboundHttp, OutboundMail } from '../../outbound';
import { AuditStore, Database } from '../../persistence';
import { MetricsRegistry } from '../../telemetry';
import { RecoveryMetrics } from '../recovery-metrics';
import { RecoveryQueue, type RecoveryQueueName, type RoundJob } from '../recovery-queue';
import { DeliveryStore } from './delivery.store';
import { Digests } from './digests.service';
import { EmailChannel } from './email.channel';
import { FallbackChannels } from './fallback-channels';
import { Fallback } from './fallback.service';
import { WebhookChannel } from './webhook.channel';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

class Reporter extends FailureReporter {
  override async report(thrown: unknown): Promise<Failure> {
    return { cause: classify(thrown), support_code: 'FALLBACK_DELIVERY_FAILED_7K3F9QXM' } as Failure;
  }
}

class Jobs extends RecoveryQueue {
  override readonly open = true;
  readonly added: RoundJob[] = [];

  override async schedule(_: RecoveryQueueName, jobs: readonly RoundJob[]): Promise<void> {
    this.added.push(...jobs);
  }
}

let postgres: TestDatabase;
let database: Database;
let peer: WebhookReceiver;
let jobs: Jobs;
let fallback: Fallback;
let digests: Digests;

beforeEach(async () => {
  [postgres, peer] = await Promise.all([createTestDatabase(), WebhookReceiver.start()]);
  database = new Database({ poolSize: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 });
  database.connect(postgres.url);
  database.markOpened();
  const config = loadConfig({
    FALLBACK_WEBHOOK_URL: peer.url,
    FALLBACK_WEBHOOK_SECRET: SECRET,
    FALLBACK_ATTEMPTS: '3',
    OUTBOUND_PRIVATE_ADDRESSES: '1',
  });
  const webhook = new WebhookChannel(new OutboundHttp(config.outbound), config);
  const channels = new FallbackChannels(webhook, new EmailChannel(new OutboundMail(config.outbound)));
  const store = new DeliveryStore(database);
  jobs = new Jobs();
  fallback = new Fallback(store, channels, jobs, new RecoveryMetrics(new MetricsRegistry()), new Reporter(), config);
  digests = new Digests(database, store, jobs, new AuditStore(database));
});

afterEach(async () => {
  await database.close();
  await Promise.all([peer.close(), postgres.drop()]);
});

/** A digest for a user with one event, due now. */
async function due(): Promise<string> {
  const [user, recovery, id] = [`user-${randomUUID()}`, uuidv7(), uuidv7()];
  await database.query(`INSERT INTO mailboxes (user_id, epoch, head) VALUES ($1, 'abcdefgh', 1)`, [user]);
  await database.query(
    `INSERT INTO mailbox_events (user_id, seq, type, critical, data) VALUES ($1, 1, 'notification', true, '{"user_notification": {"user_friendly_message": "a word"}}')`,
    [user],
  );
  await database.query(
    `INSERT INTO recoveries (id, user_id, state, from_seq, since, unread, next_at, ended_at) VALUES ($1, $2, 'abandoned', 1, now(), 1, now(), now())`,
    [recovery, user],
  );
  await database.query(
    `INSERT INTO fallback_deliveries (id, recovery_id, channel, to_seq, next_at, dispatch) VALUES ($1, $2, 'webhook', 1, now(), 1)`,
    [id, recovery],
  );
  return id;
}

const state = async (id: string) =>
  (await database.query('SELECT state, round, support_code FROM fallback_deliveries WHERE id = $1', [id]))[0];

it('a digest that is given up is a failure of its job, and goes out when an admin asks for it, with the same id', async () => {
  const id = await due();
  peer.next.push({ status: 400 });
  expect(await fallback.deliver({ id, round: 0 })).toMatchObject({ cause: { reason: 'FALLBACK_DELIVERY_FAILED' } });
  expect(await state(id)).toMatchObject({ state: 'failed', support_code: 'FALLBACK_DELIVERY_FAILED_7K3F9QXM' });
  await digests.resend(id, 'root');
  expect(jobs.added).toEqual([{ id, round: 0, dispatch: 2, delay_ms: 0 }]);
  expect(await fallback.deliver({ id, round: 0 })).toBeNull();
  expect(await state(id)).toMatchObject({ state: 'sent', support_code: null });
  const [first, second] = peer.received.map(({ headers }) => headers['webhook-id']);
  expect([first, second]).toEqual([id, id]);
  expect(await database.query('SELECT actor, action, subject FROM audit_log')).toEqual([
    { actor: 'root', action: 'digest_resent', subject: id },
  ]);
});

it('has all its tries anew', async () => {
  const id = await due();
  peer.next.push({ status: 400 }, { status: 500 });
  await fallback.deliver({ id, round: 0 });
  await digests.resend(id, 'root');
  expect(await fallback.deliver({ id, round: 0 })).toBeNull();
  expect(await state(id)).toMatchObject({ state: 'pending', round: 1 });
});

it('its dead letter, retried, is one more try, and only then', async () => {
  const id = await due();
  peer.next.push({ status: 400 }, { status: 400 });
  await fallback.deliver({ id, round: 0 });
  expect(await fallback.deliver({ id, round: 0 })).not.toBeNull();
  expect(await fallback.deliver({ id, round: 0 })).toBeNull();
  expect(await state(id)).toMatchObject({ state: 'sent' });
  expect(await fallback.deliver({ id, round: 0 })).toBeNull();
  expect(peer.received).toHaveLength(3);
});

it('is not sent again that was sent, or that nobody knows', async () => {
  const id = await due();
  await fallback.deliver({ id, round: 0 });
  for (const wanted of [id, randomUUID()])
    await expect(digests.resend(wanted, 'root')).rejects.toMatchObject({ reason: 'DIGEST_NOT_FOUND' });
  expect(await database.query('SELECT 1 FROM audit_log')).toEqual([]);
});
