import { randomUUID } from 'node:crypto';
import { MailServer } from '../../../test/support/mail-server';
import { type Behaviour, type Received, verified, WebhookReceiver } from '../../../test/support/webhook-receiver';
import { loadConfig } from '../../config';
import { OutboundHttp, OutboundMail } from '../../outbound';
import type { AlertAction, AlertNotice } from '../notice';
import { AlertChannels } from './channels.service';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

let peer: WebhookReceiver;
let mail: MailServer;

beforeEach(async () => {
  [peer, mail] = await Promise.all([WebhookReceiver.start(), MailServer.start()]);
  peer.usual = { status: 202 };
});

afterEach(async () => {
  await Promise.all([peer.close(), mail.close()]);
});

function channels(environment: Record<string, string> = {}): AlertChannels {
  const origin = new URL(peer.url).origin;
  const config = loadConfig({
    ALERT_CHANNELS: 'pagerduty,opsgenie,email,webhook',
    OUTBOUND_PRIVATE_ADDRESSES: '1',
    OUTBOUND_TIMEOUT_MS: '300',
    PAGERDUTY_ROUTING_KEY: 'R'.repeat(32),
    PAGERDUTY_URL: origin,
    OPSGENIE_API_KEY: 'a-key',
    OPSGENIE_URL: origin,
    SLACK_URL: origin,
    SMTP_URL: mail.url,
    SMTP_FROM: 'Clarion <clarion@example.com>',
    ALERT_EMAIL_TO: 'ops@example.com',
    ALERT_WEBHOOK_URL: `${origin}/alerts`,
    ALERT_WEBHOOK_SECRET: SECRET,
    ...environment,
  });
  return new AlertChannels(config, new OutboundHttp(config.outbound), new OutboundMail(config.outbound));
}

/** For peers that answer: as slow as they may be on a loaded machine. */
const patient = () => channels({ OUTBOUND_TIMEOUT_MS: '10000' });

function notice(action: AlertAction = 'trigger', more: Partial<AlertNotice> = {}): AlertNotice {
  return {
    action,
    alert_id: randomUUID(),
    dedup_key: 'clarion/component-failed/database',
    source: 'clarion',
    rule: 'component-failed',
    group: 'database',
    component: 'database',
    severity: 'critical',
    summary: 'The component database is failed: it refuses <connections> & more',
    details: { reason: 'DATABASE_UNAVAILABLE' },
    opened_at: '2026-11-21T17:30:00.000Z',
    resolved_at: action === 'resolve' ? '2026-11-21T17:31:00.000Z' : null,
    acknowledged_by: action === 'acknowledge' ? 'root' : null,
    ...more,
  };
}

/** Longer than anybody takes. */
const huge = (action: AlertAction = 'trigger') =>
  notice(action, { summary: '😀'.repeat(5_000), dedup_key: 'k'.repeat(2_000), details: { text: 'x'.repeat(60_000) } });

const bodyOf = <T>(received: Received): T => JSON.parse(received.body) as T;

describe('PagerDuty', () => {
  interface Event {
    routing_key: string;
    event_action: string;
    dedup_key: string;
    payload?: Record<string, string>;
  }

  it.each(['trigger', 'repeat', 'acknowledge', 'resolve'] as const)('gets a %s within its limits', async (action) => {
    expect(await channels().send('pagerduty', huge(action), randomUUID())).toMatchObject({ sent: true });
    expect(peer.received[0]!.path).toBe('/v2/enqueue');
    const event = bodyOf<Event>(peer.received[0]!);
    expect(event.event_action).toBe(action === 'repeat' ? 'trigger' : action);
    expect(event.dedup_key.length).toBeLessThanOrEqual(255);
    expect(peer.received[0]!.body.length).toBeLessThan(512_000);
    if (event.payload === undefined) return;
    expect(event.payload['summary']!.length).toBeLessThanOrEqual(1_024);
    expect(['critical', 'error', 'warning', 'info']).toContain(event.payload['severity']);
    expect(event.payload['source']).toBe('clarion');
  });

  it('gets the resolve with the routing key of its trigger, whatever the settings say by then', async () => {
    const before = channels().targetOf('pagerduty');
    const after = channels({ PAGERDUTY_ROUTING_KEY: 'S'.repeat(32) });
    await after.send('pagerduty', notice('resolve'), randomUUID(), before);
    expect(bodyOf<Event>(peer.received[0]!).routing_key).toBe('R'.repeat(32));
  });
});

describe('Opsgenie', () => {
  it('gets an alert within its limits, and its end by the same alias', async () => {
    const all = channels();
    await all.send('opsgenie', huge(), randomUUID());
    await all.send('opsgenie', huge('resolve'), randomUUID());
    await all.send('opsgenie', huge('acknowledge'), randomUUID());
    const [alert, close, acknowledge] = peer.received;
    const body = bodyOf<Record<string, string>>(alert!);
    expect(alert!.headers.authorization).toBe('GenieKey a-key');
    expect(body['message']!.length).toBeLessThanOrEqual(130);
    expect(body['alias']!.length).toBeLessThanOrEqual(512);
    expect(body['description']!.length).toBeLessThanOrEqual(15_000);
    expect(body['priority']).toBe('P1');
    const about = `/v2/alerts/${encodeURIComponent(body['alias']!)}`;
    expect(close!.path).toBe(`${about}/close?identifierType=alias`);
    expect(acknowledge!.path).toBe(`${about}/acknowledge?identifierType=alias`);
  });
});

describe('Slack', () => {
  interface Message {
    channel?: string;
    text: string;
    blocks: { text: { text: string } }[];
  }

  it('gets a message within its limits by an incoming webhook, with what is special escaped', async () => {
    const slack = channels({ ALERT_CHANNELS: 'slack', SLACK_WEBHOOK_URL: peer.url });
    await slack.send('slack', huge(), randomUUID());
    await slack.send('slack', notice(), randomUUID());
    const [big, small] = peer.received.map((received) => bodyOf<Message>(received));
    for (const { text } of big!.blocks) expect(text.text.length).toBeLessThanOrEqual(3_000);
    expect(big!.blocks.length).toBeLessThanOrEqual(50);
    expect(peer.received[0]!.body.length).toBeLessThanOrEqual(13_000);
    expect(small!.text).toContain('refuses &lt;connections&gt; &amp; more');
  });

  it('is asked once a second at most', async () => {
    const slack = channels({ ALERT_CHANNELS: 'slack', SLACK_WEBHOOK_URL: peer.url });
    const began = performance.now();
    await Promise.all([slack.send('slack', notice(), randomUUID()), slack.send('slack', notice(), randomUUID())]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
  });

  it.each([
    [{ ok: true }, { sent: true }],
    [
      { ok: false, error: 'channel_not_found' },
      { sent: false, retryable: false, detail: 'channel_not_found' },
    ],
    [
      { ok: false, error: 'ratelimited' },
      { sent: false, retryable: true },
    ],
    ['no JSON', { sent: false, retryable: false }],
  ])('answers by its Web API %j with status 200', async (answer, expected) => {
    peer.usual = { status: 200, body: typeof answer === 'string' ? answer : JSON.stringify(answer) };
    const slack = channels({ ALERT_CHANNELS: 'slack', SLACK_TOKEN: 'xoxb-1', SLACK_CHANNEL: 'C1' });
    expect(await slack.send('slack', notice(), randomUUID())).toMatchObject(expected);
    expect(peer.received[0]).toMatchObject({
      path: '/api/chat.postMessage',
      headers: { authorization: 'Bearer xoxb-1' },
    });
    expect(bodyOf<Message>(peer.received[0]!).channel).toBe('C1');
  });
});

describe('a signed webhook', () => {
  it('can be verified, and has the id of its message at every try', async () => {
    const id = randomUUID();
    for (const _ of [1, 2]) await channels().send('webhook', notice(), id);
    for (const received of peer.received) {
      const content = verified<{ type: string; data: AlertNotice }>(SECRET, received);
      expect(content).toMatchObject({ type: 'alert.trigger', data: { component: 'database', severity: 'critical' } });
      expect(received.headers['webhook-id']).toBe(id);
    }
  });
});

describe('e-mail', () => {
  it('has one line of subject, whatever the summary holds', async () => {
    const tricky = notice('trigger', { summary: 'first\r\nBcc: everybody@example.com' });
    expect(await patient().send('email', tricky, 'an-id')).toEqual({ sent: true });
    const [received] = mail.received;
    expect(received!.to).toEqual(['ops@example.com']);
    expect(received!.raw).toMatch(/^Subject: \[critical\] clarion: first Bcc: everybody@example.com/m);
    expect(received!.raw).toMatch(/^Message-ID: <an-id@example.com>/m);
  });

  it.each([
    [451, true],
    [550, false],
  ])('refused with %d may be tried again: %s', async (code, retryable) => {
    mail.next.push({ code, at: 'recipient' });
    expect(await patient().send('email', notice(), 'an-id')).toMatchObject({ sent: false, retryable, status: code });
  });
});

describe.each(['pagerduty', 'opsgenie', 'slack', 'webhook'])('what %s answers', (name) => {
  // Slack's incoming webhook; its Web API has a table of its own.
  const bySlack = (): Record<string, string> => ({ SLACK_WEBHOOK_URL: peer.url });
  const cases: [Behaviour, object][] = [
    [{ status: 202 }, { sent: true }],
    [{ status: 200, body: 'ok' }, { sent: true }],
    [{ status: 400 }, { sent: false, retryable: false, status: 400 }],
    [
      { status: 429, headers: { 'retry-after': '3' } },
      { sent: false, retryable: true, retryAfterMs: 3_000 },
    ],
    [{ status: 500 }, { sent: false, retryable: true, status: 500 }],
    ['trickle', { sent: false, retryable: true, kind: 'timed_out' }],
    ['never', { sent: false, retryable: true, kind: 'timed_out' }],
    ['drop', { sent: false, retryable: true, kind: 'unreachable' }],
  ];

  it.each(cases)('%j decides whether it is tried again', async (behaviour, expected) => {
    peer.next.push(behaviour);
    expect(await channels(bySlack()).send(name, notice(), randomUUID())).toMatchObject(expected);
  });
});

it('tells at the start that Opsgenie ends', () => {
  const all = channels();
  const warned = jest.spyOn((all as unknown as { logger: { warn(): void } }).logger, 'warn').mockReturnValue();
  all.onApplicationBootstrap();
  expect(warned).toHaveBeenCalledWith({ ends: '2027-04-05' }, expect.stringContaining('Opsgenie ends'));
});

it.each([
  [{ ALERT_CHANNELS: 'pagerduty' }, 'PAGERDUTY_ROUTING_KEY'],
  [{ ALERT_CHANNELS: 'slack', SLACK_TOKEN: 'x' }, 'SLACK_WEBHOOK_URL'],
  [{ ALERT_CHANNELS: 'email', ALERT_EMAIL_TO: 'ops@example.com' }, 'SMTP_URL'],
  [
    { ALERT_CHANNELS: 'webhook', ALERT_WEBHOOK_URL: 'http://a.example', ALERT_WEBHOOK_SECRET: 'short' },
    'ALERT_WEBHOOK_SECRET',
  ],
  [{ ALERT_CHANNELS: 'pigeon' }, 'ALERT_CHANNELS'],
])('refuses the start with %j', (environment, name) => {
  expect(() => loadConfig(environment)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(name) as string }),
  );
});
