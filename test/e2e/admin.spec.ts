import { randomUUID } from 'node:crypto';
import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import { errorBodySchema } from '@clarion/protocol/schemas';
import { v7 as uuidv7 } from 'uuid';
import { AlertDeliveries, type AlertNotice } from '../../src/alerts';
import type { FailureRecord } from '../../src/errors';
import { ClarionApp } from '../support/clarion-app';
import { WebhookReceiver } from '../support/webhook-receiver';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

let app: ClarionApp;
let peer: WebhookReceiver;
let tokens: { admin: string; alice: string };

beforeAll(async () => {
  peer = await WebhookReceiver.start();
  app = await ClarionApp.start({
    env: {
      ALERT_CHANNELS: 'webhook',
      ALERT_WEBHOOK_URL: peer.url,
      ALERT_WEBHOOK_SECRET: SECRET,
      // What it thinks itself of the alerts of this file comes after its end.
      ALERT_WAIT_MS: '600000',
      FALLBACK_WEBHOOK_URL: peer.url,
      FALLBACK_WEBHOOK_SECRET: SECRET,
      OUTBOUND_PRIVATE_ADDRESSES: '1',
    },
  });
  tokens = { admin: await app.adminToken(), alice: await app.token('alice') };
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => Promise.all([app.dispose(), peer.close()]));

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return app.request(path, { headers });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

async function refusal(response: Response): Promise<ErrorBody> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  return errorBodySchema.parse(await response.json());
}

function signIn(token: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams({ token });
  return app.request('/admin/session', { method: 'POST', body, headers: { origin: app.url, ...headers } });
}

/** What a browser would send back. */
function cookieOf(response: Response): string {
  const [pair] = (response.headers.get('set-cookie') ?? '').split(';');
  return pair ?? '';
}

describe.each(['/admin/api/errors', '/admin/api/statistics', '/admin/queues', '/admin/queues/api/queues'])(
  'GET %s',
  (path) => {
    it('is refused to whoever says not who it is, and to whoever is no admin', async () => {
      const unknown = await get(path);
      expect(unknown.status).toBe(401);
      expect(unknown.headers.get('www-authenticate')).toBe('Bearer');
      expect(await refusal(unknown)).toMatchObject({ code: 1002, reason: 'AUTH_TOKEN_MISSING' });
      const user = await get(path, bearer(tokens.alice));
      expect(user.status).toBe(403);
      const error = await refusal(user);
      expect(error).toMatchObject({ code: 1002, reason: 'AUTH_SCOPE_MISSING', details: { scope: 'admin' } });
      expect(await app.recordOf(error)).toMatchObject({ operation: expect.stringMatching(/^http\.GET /) as string });
    });

    it('is there for an admin, by token and by cookie', async () => {
      expect((await get(path, bearer(tokens.admin))).status).toBe(200);
      const cookie = cookieOf(await signIn(tokens.admin));
      expect((await get(path, { cookie })).status).toBe(200);
      expect((await get(path, { cookie: cookie.slice(0, -2) })).status).toBe(401);
    });
  },
);

describe('signing in with a browser', () => {
  it('leads from the page that was wanted to the form, and from the form to the queues', async () => {
    const wanted = await get('/admin/queues', { accept: 'text/html' });
    expect([wanted.status, wanted.headers.get('location')]).toEqual([303, '/admin/session']);
    const form = await get('/admin/session');
    expect(form.status).toBe(200);
    expect(await form.text()).toContain('<form method="post" action="/admin/session">');
    const signedIn = await signIn(tokens.admin);
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/admin/queues']);
    const [, ...attributes] = (signedIn.headers.get('set-cookie') ?? '').split('; ');
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/admin']));
    const board = await get('/admin/queues', { cookie: cookieOf(signedIn), accept: 'text/html' });
    expect(board.status).toBe(200);
    expect(await board.text()).toContain('<html');
  });

  it('is refused to users, and to forms of other sites', async () => {
    const user = await signIn(tokens.alice);
    expect([user.status, user.headers.get('set-cookie')]).toEqual([403, null]);
    expect(await user.text()).toMatch(/AUTH_SCOPE_MISSING_[0-9A-Z]{8}/);
    const foreign = await signIn(tokens.admin, { origin: 'https://evil.example' });
    expect([foreign.status, foreign.headers.get('set-cookie')]).toEqual([403, null]);
  });
});

describe('an admin', () => {
  it('finds the failed run of a user: its story, its job, the numbers', async () => {
    const client = await app.connect('alice');
    const { run_id } = await client.drill({ tokens: 3, per_second: 0, fail: { kind: 'throw', at_token: 2 } });
    const end = (await client.ended(run_id)) as DurableEvent<'agent_failed'>;
    const { support_code } = end.data.error;

    const story = await json<FailureRecord>(await get(`/admin/api/errors/${support_code}`, bearer(tokens.admin)));
    expect(story).toMatchObject({ support_code, run_id, user_id: 'alice', code: 1008 });
    expect(story.root_cause).toContain('drill was asked to throw at token 2');
    expect(story.stack).toContain('drill.agent');
    const { errors } = await json<{ errors: FailureRecord[] }>(
      await get(`/admin/api/errors?run_id=${run_id}`, bearer(tokens.admin)),
    );
    expect(errors.map((record) => record.support_code)).toContain(support_code);

    const { queues } = await json<{ queues: { name: string; counts: Record<string, number> }[] }>(
      await get('/admin/queues/api/queues', bearer(tokens.admin)),
    );
    expect(queues.map(({ name }) => name)).toContain('agent-runs');
    const statistics = await json<Record<string, unknown>>(await get('/admin/api/statistics', bearer(tokens.admin)));
    expect(statistics).toMatchObject({
      timestamp: expect.any(String) as string,
      queues: { 'agent-runs': expect.any(Object) as object },
      workers: [expect.any(Object)],
    });
    expect(JSON.stringify(statistics['runs'])).toContain('failed');
  });

  it('is told what is wrong with a question', async () => {
    const unknown = await get('/admin/api/errors/NO_SUCH_THING_7K3F9QXM', bearer(tokens.admin));
    expect(unknown.status).toBe(404);
    expect(await refusal(unknown)).toMatchObject({ reason: 'SUPPORT_CODE_NOT_FOUND', user_id: 'root' });
    const wrong = await get('/admin/api/errors?limit=many', bearer(tokens.admin));
    expect(wrong.status).toBe(400);
    expect(await refusal(wrong)).toMatchObject({ code: 1004, reason: 'HTTP_REQUEST_INVALID' });
  });
});

function asAdmin(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { ...bearer(tokens.admin), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return app.request(path, { method, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

async function untilSo(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const audited = (subject: string) =>
  app.query<{ actor: string; action: string }>('SELECT actor, action FROM audit_log WHERE subject = $1 ORDER BY id', [
    subject,
  ]);

/** An open alert, and a message that tells of it, on its way. */
async function alerted(): Promise<{ id: string; message: string; sent: () => Promise<boolean> }> {
  const [id, message] = [uuidv7(), uuidv7()];
  const notice = { action: 'trigger', alert_id: id, dedup_key: id, summary: 'made up', opened_at: new Date() };
  await app.query(
    `INSERT INTO alerts (id, rule, group_key, component, severity, status, summary, details, opened_at, last_seen_at, notified_at, flaps)
     VALUES ($1, 'task', $2, 'tasks', 'error', 'firing', 'made up', '{}', now(), now(), now(), 0)`,
    [id, id],
  );
  await app.query(
    `INSERT INTO alert_deliveries (id, alert_id, action, channel, target, notice) VALUES ($1, $2, 'trigger', 'webhook', $3, $4)`,
    [message, id, peer.url, notice],
  );
  await app.get(AlertDeliveries).wake([message]);
  const status = () => app.query<{ status: string }>('SELECT status FROM alert_deliveries WHERE id = $1', [message]);
  return { id, message, sent: async () => (await status())[0]?.status === 'sent' };
}

interface Silence {
  readonly id: string;
  readonly created_at: string;
  readonly ends_at: string;
}

const silences = async (): Promise<Silence[]> =>
  (await json<{ silences: Silence[] }>(await get('/admin/api/alerts', bearer(tokens.admin)))).silences;

describe('alerts by hand', () => {
  beforeEach(() => peer.reset());

  it('are acknowledged: who was told hears by whom, the list shows it, and it is audited', async () => {
    const { id, sent } = await alerted();
    await untilSo(sent);
    expect((await asAdmin('POST', `/admin/api/alerts/${id}/acknowledge`)).status).toBe(204);
    const [, told] = await peer.until(2);
    const { data } = JSON.parse(told!.body) as { data: AlertNotice };
    expect(data).toMatchObject({ action: 'acknowledge', alert_id: id, acknowledged_by: 'root' });
    const { alerts } = await json<{ alerts: { id: string }[] }>(await asAdmin('GET', '/admin/api/alerts'));
    expect(alerts.find((alert) => alert.id === id)).toMatchObject({ status: 'firing', acknowledged_by: 'root' });
    expect(await audited(id)).toEqual([{ actor: 'root', action: 'alert_acknowledged' }]);
  });

  it.each([
    [404, 'ALERT_NOT_FOUND', randomUUID()],
    [400, 'HTTP_REQUEST_INVALID', 'no-id'],
  ])('are not acknowledged but answered %d %s for %s', async (status, reason, id) => {
    const answer = await asAdmin('POST', `/admin/api/alerts/${id}/acknowledge`);
    expect([answer.status, (await refusal(answer)).reason]).toEqual([status, reason]);
    expect(await audited(id)).toEqual([]);
  });

  it('are silenced with author and end, until somebody ends that; both are audited', async () => {
    const answer = await asAdmin('POST', '/admin/api/alerts/silences', {
      rule: 'task',
      comment: ' known ',
      minutes: 10,
    });
    expect(answer.status).toBe(201);
    const silence = await json<Silence>(answer);
    expect(silence).toMatchObject({ rule: 'task', group: null, author: 'root', comment: 'known' });
    expect(Date.parse(silence.ends_at) - Date.parse(silence.created_at)).toBe(600_000);
    expect(await silences()).toEqual([silence]);
    expect((await asAdmin('DELETE', `/admin/api/alerts/silences/${silence.id}`)).status).toBe(204);
    expect(await silences()).toEqual([]);
    const again = await asAdmin('DELETE', `/admin/api/alerts/silences/${silence.id}`);
    expect([again.status, (await refusal(again)).reason]).toEqual([404, 'ALERT_NOT_FOUND']);
    expect(await audited(silence.id)).toEqual([
      { actor: 'root', action: 'silence_added' },
      { actor: 'root', action: 'silence_ended' },
    ]);
  });

  it.each([
    ['comment', { minutes: 10 }],
    ['comment', { comment: ' ', minutes: 10 }],
    ['comment', { comment: 'x'.repeat(501), minutes: 10 }],
    ['minutes', { comment: 'for ever' }],
    ['minutes', { comment: 'no time', minutes: 0 }],
    ['minutes', { comment: 'a part', minutes: 1.5 }],
    ['minutes', { comment: 'over a month', minutes: 43_201 }],
    ['group', { comment: 'no group', minutes: 1, group: '' }],
    ['', { comment: 'more', minutes: 1, author: 'somebody else' }],
    ['', []],
  ])('are not silenced by what is wrong in %s: %j', async (path, body) => {
    const answer = await asAdmin('POST', '/admin/api/alerts/silences', body);
    const { reason, details } = await refusal(answer);
    expect([answer.status, reason]).toEqual([400, 'HTTP_REQUEST_INVALID']);
    expect(details).toMatchObject({ issues: [{ path }] });
    expect(await silences()).toEqual([]);
  });

  it('are not silenced by what is no JSON, nor by whoever is no admin', async () => {
    const rubbish = await asAdmin('POST', '/admin/api/alerts/silences', '{"comment": ');
    expect([rubbish.status, (await refusal(rubbish)).code]).toEqual([400, 1004]);
    const headers = { ...bearer(tokens.alice), 'content-type': 'application/json' };
    const body = JSON.stringify({ comment: 'quiet', minutes: 1 });
    const user = await app.request('/admin/api/alerts/silences', { method: 'POST', headers, body });
    expect([user.status, (await refusal(user)).reason]).toEqual([403, 'AUTH_SCOPE_MISSING']);
    expect(await silences()).toEqual([]);
  });

  it('whose message nobody took go out when their dead letter is retried on the board, audited', async () => {
    peer.next.push({ status: 400 });
    const { message, sent } = await alerted();
    const board = '/admin/queues/api/queues';
    const failed = async () => {
      const query = 'activeQueue=alert-deliveries&status=failed&page=1&jobsPerPage=10';
      const { queues } = await json<{ queues: { name: string; jobs: { id: string }[] }[] }>(
        await asAdmin('GET', `${board}?${query}`),
      );
      return queues.find(({ name }) => name === 'alert-deliveries')!.jobs.find(({ id }) => id.startsWith(message));
    };
    await untilSo(async () => (await failed()) !== undefined);
    const path = `/alert-deliveries/${(await failed())!.id}/retry`;
    expect((await asAdmin('PUT', `${board}${path}`)).status).toBeLessThan(300);
    await untilSo(sent);
    expect(peer.received.map(({ headers }) => headers['webhook-id'])).toEqual([message, message]);
    expect(await audited(`PUT /api/queues${path}`)).toEqual([{ actor: 'root', action: 'queue_changed' }]);
    await untilSo(async () => (await failed()) === undefined);
  });
});

it('a digest that could not be sent goes out when an admin asks for it', async () => {
  peer.reset();
  const [user, recovery, id] = [`user-${randomUUID()}`, uuidv7(), uuidv7()];
  await app.query(`INSERT INTO mailboxes (user_id, epoch, head) VALUES ($1, 'abcdefgh', 1)`, [user]);
  await app.query(
    `INSERT INTO mailbox_events (user_id, seq, type, critical, data) VALUES ($1, 1, 'notification', true, '{"user_notification": {"user_friendly_message": "a word"}}')`,
    [user],
  );
  await app.query(
    `INSERT INTO recoveries (id, user_id, state, from_seq, since, unread, next_at, ended_at) VALUES ($1, $2, 'abandoned', 1, now(), 1, now(), now())`,
    [recovery, user],
  );
  await app.query(
    `INSERT INTO fallback_deliveries (id, recovery_id, channel, to_seq, next_at, dispatch, state, ended_at, round) VALUES ($1, $2, 'webhook', 1, now(), 1, 'failed', now(), 1)`,
    [id, recovery],
  );
  expect((await asAdmin('POST', `/admin/api/digests/${id}/resend`)).status).toBe(202);
  const [digest] = await peer.until(1);
  expect(digest!.headers['webhook-id']).toBe(id);
  expect(digest!.body).toContain('a word');
  await untilSo(async () => {
    const [row] = await app.query<{ state: string }>('SELECT state FROM fallback_deliveries WHERE id = $1', [id]);
    return row?.state === 'sent';
  });
  expect(await audited(id)).toEqual([{ actor: 'root', action: 'digest_resent' }]);
  const again = await asAdmin('POST', `/admin/api/digests/${id}/resend`);
  expect([again.status, (await refusal(again)).reason]).toEqual([404, 'DIGEST_NOT_FOUND']);
});
