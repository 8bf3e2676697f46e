import { randomUUID } from 'node:crypto';
import { MailboxStore } from '../../src/mailbox';
import { Database } from '../../src/persistence';
import { QueueHost } from '../../src/queues';
import { RedisConnections } from '../../src/redis';
import { MailServer } from '../support/mail-server';
import { ClarionApp } from '../support/clarion-app';
import { redisIsHere, RedisServer } from '../support/redis-server';
import { type Received, verified, WebhookReceiver } from '../support/webhook-receiver';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;
const BACKENDS = redisIsHere() ? ['PostgreSQL', 'Redis'] : ['PostgreSQL'];
const HOUR_MS = 3_600_000;
const QUICK = { tokens: 3, per_second: 0 };

interface DigestPayload {
  type: string;
  timestamp: string;
  data: {
    user_id: string;
    since: string;
    subject: string;
    text: string;
    omitted: number;
    items: { id: string; type: string; text: string; thread_id: string | null; support_code: string | null }[];
  };
}

let receiver: WebhookReceiver;
let app: ClarionApp;

const settings = (more: Record<string, string> = {}) => ({
  RECOVERY_FIRST_MS: '100',
  RECOVERY_MAX_DELAY_MS: '2000',
  RECOVERY_WINDOW_MS: '400',
  FALLBACK_WEBHOOK_URL: receiver.url,
  FALLBACK_WEBHOOK_SECRET: SECRET,
  FALLBACK_RETRY_MS: '50',
  FALLBACK_ATTEMPTS: '3',
  OUTBOUND_PRIVATE_ADDRESSES: '1',
  OUTBOUND_TIMEOUT_MS: '1000',
  PING_INTERVAL_MS: '100',
  ...more,
});

const newUser = () => `user-${randomUUID()}`;
const payloadOf = (received: Received | undefined) => verified<DigestPayload>(SECRET, received!);

/** Looks every 20 ms: what another job does to the database is no event here. */
async function eventually<T>(find: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Not within 15 s: ${find.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Row {
  id: string;
  state: string;
  round: number;
  delivery: string | null;
  channel: string | null;
  delivery_state: string | null;
  support_code: string | null;
}

/** The user's recoveries with their deliveries, oldest first. */
const rowsOf = (user: string) =>
  app.query<Row>(
    `SELECT r.id, r.state, r.round, d.id AS delivery, d.channel, d.state AS delivery_state, d.support_code
     FROM recoveries r LEFT JOIN fallback_deliveries d ON d.recovery_id = r.id WHERE user_id = $1 ORDER BY r.started_at`,
    [user],
  );

const rowWhere = (user: string, holds: (row: Row) => boolean) =>
  eventually(async () => (await rowsOf(user)).find(holds));

/** A user who left before the answer was there. */
async function left(request: object = QUICK, user = newUser()) {
  const client = await app.connect(user);
  const { run_id, thread_id } = await client.drill(request);
  client.close();
  await eventually(async () => {
    const [run] = await app.query<{ ended: boolean }>(
      'SELECT finished_at IS NOT NULL AS ended FROM runs WHERE id = $1',
      [run_id],
    );
    return run?.ended || undefined;
  });
  return { user, run_id, thread_id };
}

/** As an admin sees it. */
async function seen(path: string): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${await app.adminToken()}` };
  const response = await app.request(path, { headers });
  return { status: response.status, text: await response.text() };
}

const statistics = async (path = '') => JSON.parse((await seen(`/admin/api/statistics${path}`)).text);

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
});

afterEach(() => {
  expect(app.closeClients()).toEqual([]);
  receiver.reset();
});

afterAll(() => receiver.close());

describe.each(BACKENDS)('with the queues on %s, a user', (backend) => {
  let redis: RedisServer | null;

  beforeAll(async () => {
    redis = backend === 'Redis' ? await RedisServer.start() : null;
  });

  afterEach(() => app.dispose());
  afterAll(() => redis?.kill());

  const start = async (windowMs: number) => {
    const times = { RECOVERY_WINDOW_MS: String(windowMs), RECOVERY_MAX_DELAY_MS: '200' };
    app = await ClarionApp.start({ env: settings({ ...times, ...(redis && { REDIS_URL: redis.url }) }) });
  };

  const loseJobs = () =>
    redis
      ? app.get(RedisConnections).command((server) => server.flushall())
      : app.get(QueueHost).queue('message-recovery').obliterate({ force: true });

  it('who comes back is looked for again and again, and no more once the events have reached a device', async () => {
    await start(HOUR_MS);
    const { user } = await left();
    const { id } = await rowWhere(user, ({ state, round }) => state === 'waiting' && round >= 2);
    await app.connect(user);
    await rowWhere(user, (row) => row.id === id && row.state === 'recovered');
    const queue = app.get(QueueHost).queue('message-recovery');
    await eventually(async () =>
      (await queue.getJobCounts('delayed', 'active', 'waiting')).delayed === 0 ? true : undefined,
    );
    expect(receiver.received).toEqual([]);
    expect(await rowsOf(user)).toMatchObject([{ state: 'recovered', delivery: null }]);
  });

  it('is looked for on, whatever is lost from the queue', async () => {
    await start(HOUR_MS);
    const { user } = await left();
    const { round } = await rowWhere(user, (row) => row.round >= 1);
    await loseJobs();
    await rowWhere(user, (row) => row.round > round + 1);
  });

  it('who does not come back is told once, whatever is lost from the queue', async () => {
    await start(1_000);
    const { user } = await left();
    await rowWhere(user, (row) => row.round >= 1);
    await loseJobs();
    await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    expect(receiver.received).toHaveLength(1);
    expect(await rowsOf(user)).toMatchObject([{ state: 'abandoned', channel: 'webhook' }]);
  });
});

describe('a user who does not come back', () => {
  beforeAll(async () => {
    app = await ClarionApp.start({ env: settings() });
  });

  afterAll(() => app.dispose());

  it('is told once by a signed webhook of what waits, and still finds everything in the mailbox', async () => {
    const { user, thread_id } = await left();
    const { delivery } = await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    expect(receiver.received).toHaveLength(1);
    expect(receiver.received[0]!.headers['webhook-id']).toBe(delivery);
    const { type, data } = payloadOf(receiver.received[0]);
    expect(type).toBe('user.missed_events');
    expect(data).toMatchObject({ user_id: user, omitted: 0, subject: 'Something is waiting for you' });
    expect(data.items).toMatchObject([{ type: 'agent_completed', text: 'w0 w1 w2', thread_id, support_code: null }]);
    expect(data.text).toContain('Your answer is ready.');
    expect(await rowsOf(user)).toMatchObject([{ state: 'abandoned', channel: 'webhook' }]);
    const client = await app.connect(user);
    expect(client.of('agent_completed')).toMatchObject([{ recovered: true, data: { content: 'w0 w1 w2' } }]);
  });

  it('is told of failures in plain words alone, with a support code', async () => {
    const { user } = await left({ ...QUICK, fail: { kind: 'throw', at_token: 1 } });
    await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    const { data } = payloadOf(receiver.received[0]);
    expect(data.items).toMatchObject([{ type: 'agent_failed', support_code: expect.stringMatching(/^AGENT_FAILED_/) }]);
    expect(receiver.received[0]!.body).not.toMatch(/stack|root_cause|details|src\//);
  });

  it('is told of new events, and not again of those before', async () => {
    const { user } = await left();
    await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    const error = { user_notification: { user_friendly_message: 'News.' }, support_code: 'X_7K3F9QXM' };
    const notification = { type: 'notification', data: { ...error, error } } as never;
    await app.get(Database).transaction((tx) => app.get(MailboxStore).append(tx, user, [notification]));
    await receiver.until(2);
    expect(payloadOf(receiver.received[1]).data.items).toMatchObject([{ type: 'notification', text: 'News.' }]);
  });

  it('whose question waits is told of it, and a digest of many events keeps the latest', async () => {
    const user = newUser();
    (await app.connect(user)).close();
    const question = (n: number) =>
      ({
        type: 'input_required',
        data: { input_id: randomUUID(), prompt: `Question ${n}? ${'x'.repeat(500)}` },
      }) as never;
    const events = Array.from({ length: 60 }, (_, n) => question(n));
    await app.get(Database).transaction((tx) => app.get(MailboxStore).append(tx, user, events));
    await receiver.until(1);
    const { items, omitted, text } = payloadOf(receiver.received[0]).data;
    expect([items.length, omitted]).toEqual([50, 10]);
    expect([items[0]!.text.slice(0, 12), items[49]!.text.slice(0, 12)]).toEqual(['Question 10?', 'Question 59?']);
    expect(items.every((item) => item.text.length === 280)).toBe(true);
    expect(text).toContain('There is a question for you.');
  });

  it.each([
    ['answers 500', { status: 500 }],
    ['breaks the connection', 'drop'],
    ['does not answer', 'never'],
  ] as const)('is told with the same id again when the receiver first %s', async (_name, behaviour) => {
    receiver.next.push(behaviour);
    const { user } = await left();
    await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    const ids = receiver.received.map((received) => (payloadOf(received), received.headers['webhook-id']));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('is told no earlier than the receiver asks for', async () => {
    receiver.next.push({ status: 429, headers: { 'retry-after': '1' } });
    await left();
    await receiver.until(1);
    const first = performance.now();
    await receiver.until(2);
    expect(performance.now() - first).toBeGreaterThan(900);
  });

  it.each([
    ['answers 400', { status: 400, body: 'unknown user' }, 1],
    ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 1],
    ['stays away', 'drop', 3],
  ] as const)('is not told by a receiver that %s, which one record says', async (_name, behaviour, tries) => {
    receiver.usual = behaviour;
    const { user } = await left();
    const { support_code } = await rowWhere(user, ({ delivery_state }) => delivery_state === 'failed');
    expect(receiver.received).toHaveLength(tries);
    const [record] = await app.query<object>(`SELECT * FROM error_records WHERE user_id = $1`, [user]);
    expect(record).toMatchObject({
      support_code,
      user_id: user,
      private_details: { channel: 'webhook', attempts: tries },
    });
  });

  it.each(['thread_deleted', 'erased', 'returned'] as const)('is not told when meanwhile %s', async (what) => {
    receiver.next.push({ status: 429, headers: { 'retry-after': '1' } });
    const { user, thread_id } = await left();
    await receiver.until(1);
    const client = await app.connect(user);
    if (what === 'thread_deleted') {
      await app.query('UPDATE mailbox_positions SET position = 0 WHERE user_id = $1', [user]);
      await client.request('thread_delete', { thread_id });
    }
    if (what === 'erased') {
      const headers = { authorization: `Bearer ${await app.adminToken()}` };
      await app.request(`/admin/api/users/${user}`, { method: 'DELETE', headers });
      expect(await rowsOf(user)).toEqual([]);
      const queue = app.get(QueueHost).queue('fallback-delivery');
      await eventually(async () =>
        (await queue.getJobCounts('delayed', 'waiting', 'active')).delayed === 0 ? true : undefined,
      );
    } else await rowWhere(user, ({ delivery_state }) => delivery_state === 'dropped');
    expect(receiver.received).toHaveLength(1);
  });
});

describe('what operators see', () => {
  beforeAll(async () => {
    app = await ClarionApp.start({ env: settings() });
  });

  afterAll(() => app.dispose());

  it('is who was looked for, who came back, and whom no digest reached, in all and by user', async () => {
    receiver.next.push({ status: 400 });
    const abandoned = await left(QUICK, 'a-user');
    await rowWhere(abandoned.user, ({ delivery_state }) => delivery_state === 'failed');
    const returned = await left(QUICK, 'b-user');
    await rowWhere(returned.user, ({ state }) => state === 'waiting');
    await app.connect(returned.user);
    await rowWhere(returned.user, ({ state }) => state === 'recovered');
    expect(await statistics()).toMatchObject({
      errors: { users: 1, by_reason: { FALLBACK_DELIVERY_FAILED: 1 } },
      messages: { queued: 0, users: 0 },
      recovery: { waiting: 0, recovered: 1, abandoned: 1, fallback: { pending: 0, sent: 0, failed: 1, dropped: 0 } },
    });
    const { users, next } = await statistics('/users?limit=1');
    expect(users).toMatchObject([
      {
        user_id: 'a-user',
        errors: 1,
        queued_messages: 2,
        recovery: { state: 'abandoned', next_at: null, fallback: [{ channel: 'webhook', state: 'failed', tries: 1 }] },
      },
    ]);
    expect((await statistics(`/users?after=${next}&limit=2`)).users).toMatchObject([
      { user_id: 'b-user', errors: 0, queued_messages: 0, recovery: { state: 'recovered', fallback: [] } },
    ]);
    expect((await seen('/admin/api/statistics/users?limit=0')).status).toBe(400);
  });

  it('is in the metrics and on the board', async () => {
    const metrics = (await seen('/metrics')).text;
    expect(metrics).toMatch(/clarion_recovery_ended_total\{outcome="recovered"\} 1/);
    expect(metrics).toMatch(/clarion_recovery_ended_total\{outcome="abandoned"\} 1/);
    expect(metrics).toMatch(/clarion_recovery_fallback_total\{channel="webhook",outcome="failed"\} 1/);
    expect(metrics).toMatch(/clarion_recovery_rounds_total [2-9]/);
    const { queues } = JSON.parse((await seen('/admin/queues/api/queues?activeQueue=message-recovery')).text);
    const names = queues.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['message-recovery', 'fallback-delivery']));
  });
});

describe('with other settings', () => {
  afterEach(() => app.dispose());

  it('a user whom events reach is not looked for', async () => {
    app = await ClarionApp.start({ env: settings({ RECOVERY_FIRST_MS: '1000' }) });
    const user = newUser();
    const client = await app.connect(user);
    await client.ended((await client.drill({ tokens: 30, per_second: 20 })).run_id);
    await eventually(async () => {
      const found = await app.query('SELECT 1 FROM mailboxes WHERE user_id = $1 AND unread_since IS NULL', [user]);
      return found[0];
    });
    expect(await rowsOf(user)).toEqual([]);
  });

  it('operators see what waits now', async () => {
    // So long that it still waits when it is looked at; the first look may have come before the end of the run.
    app = await ClarionApp.start({ env: settings({ RECOVERY_WINDOW_MS: '60000' }) });
    const { user } = await left();
    await rowWhere(user, ({ state }) => state === 'waiting');
    const seen = await eventually(async () => [await statistics()].find(({ messages }) => messages.queued === 2));
    expect([seen.messages.users, seen.recovery.waiting]).toEqual([1, 1]);
  });

  it('a user is told by e-mail, at the address of the last token, which goes with the user', async () => {
    const mail = await MailServer.start();
    const smtp = { SMTP_URL: mail.url, SMTP_FROM: 'Chat <chat@clarion.example>', AUTH_EMAIL_CLAIM: 'email' };
    app = await ClarionApp.start({ env: settings({ ...smtp, FALLBACK_WEBHOOK_URL: '' }) });
    const user = newUser();
    const token = await app.token(user, { email: 'alice@example.com', email_verified: true });
    (await app.connect(user, { token, locale: 'en-GB' })).close();
    mail.next.push({ at: 'data', code: 451 });
    const error = { user_notification: { user_friendly_message: 'News.' }, support_code: 'X_7K3F9QXM' };
    const notification = { type: 'notification', data: { ...error, error } } as never;
    await app.get(Database).transaction((tx) => app.get(MailboxStore).append(tx, user, [notification]));
    const { delivery } = await rowWhere(user, ({ delivery_state }) => delivery_state === 'sent');
    expect(mail.received).toMatchObject([{ from: 'chat@clarion.example', to: ['alice@example.com'] }]);
    expect(mail.received[0]!.raw).toContain(`Message-ID: <${delivery}@clarion.example>`);
    expect(mail.received[0]!.raw).toMatch(/News\.\r\nSupport code: X_7K3F9QXM/);
    await app.connect(user);
    expect(await app.query('SELECT email, locale FROM mailboxes WHERE user_id = $1', [user])).toEqual([
      { email: null, locale: 'en-GB' },
    ]);
    await mail.close();
  });

  it.each([
    {},
    { email: 'no address' },
    { email: 'a@b.example, c@d.example' },
    { email: 'a@b.example', email_verified: false },
  ])('a user whose token says %j has no address', async (claims) => {
    app = await ClarionApp.start({ env: settings({ AUTH_EMAIL_CLAIM: 'email' }) });
    const user = newUser();
    await app.connect(user, { token: await app.token(user, claims) });
    expect(await app.query('SELECT email FROM mailboxes WHERE user_id = $1', [user])).toEqual([{ email: null }]);
  });

  it('a user who does not come back is given up without a channel, and nothing is lost', async () => {
    app = await ClarionApp.start({ env: settings({ FALLBACK_WEBHOOK_URL: '', FALLBACK_WEBHOOK_SECRET: '' }) });
    const { user } = await left();
    await rowWhere(user, ({ state }) => state === 'abandoned');
    expect(await rowsOf(user)).toMatchObject([{ delivery: null }]);
    expect((await app.connect(user)).of('agent_completed')).toHaveLength(1);
  });
});
