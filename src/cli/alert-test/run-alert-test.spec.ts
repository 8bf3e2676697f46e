import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { verified, WebhookReceiver } from '../../../test/support/webhook-receiver';
import type { AlertNotice } from '../../alerts';
import { loadConfig } from '../../config';
import { runAlertTest } from './run-alert-test';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

let peer: WebhookReceiver;

beforeEach(async () => {
  peer = await WebhookReceiver.start();
});
afterEach(() => peer.close());

async function run(given: string[], environment: Record<string, string> = {}) {
  const config = loadConfig({
    ALERT_CHANNELS: 'webhook',
    ALERT_WEBHOOK_URL: peer.url,
    ALERT_WEBHOOK_SECRET: SECRET,
    OUTBOUND_PRIVATE_ADDRESSES: '1',
    ...environment,
  });
  const lines: string[] = [];
  const code = await runAlertTest(given, config, (line) => lines.push(line));
  return { code, lines };
}

describe('npm run alert:test', () => {
  it('sends an alert and its end to the channel, and exits 0', async () => {
    expect(await run(['webhook'])).toEqual({ code: 0, lines: ['webhook trigger: taken', 'webhook resolve: taken'] });
    const [trigger, resolve] = peer.received.map(
      (received) => verified<{ type: string; data: AlertNotice }>(SECRET, received).data,
    );
    expect(trigger).toMatchObject({ action: 'trigger', severity: 'info', summary: 'A test of this channel' });
    expect(resolve).toMatchObject({ action: 'resolve', dedup_key: trigger!.dedup_key });
  });

  it('tests every channel that is configured where none is named, also after one that refuses', async () => {
    const slack = { ALERT_CHANNELS: 'slack,webhook', SLACK_WEBHOOK_URL: peer.url };
    peer.next.push({ status: 404, body: 'no_service' });
    expect(await run([], slack)).toEqual({
      code: 1,
      lines: ['slack trigger: rejected 404 no_service', 'webhook trigger: taken', 'webhook resolve: taken'],
    });
  });

  it('exits 1 and says why for a channel that refuses, at the alert or at its end', async () => {
    peer.next.push({ status: 400, body: 'no such hook' });
    expect(await run(['webhook'])).toEqual({ code: 1, lines: ['webhook trigger: rejected 400 no such hook'] });
    peer.next.push({ status: 204 }, { status: 503 });
    const lines = ['webhook trigger: taken', 'webhook resolve: rejected 503'];
    expect(await run(['webhook'])).toEqual({ code: 1, lines });
  });

  it('exits 1 for a channel where nobody is, or that never answers', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const away = { ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/` };
    expect(await run(['webhook'], away)).toEqual({ code: 1, lines: ['webhook trigger: unreachable ECONNREFUSED'] });
    peer.next.push('never');
    const impatient = { OUTBOUND_TIMEOUT_MS: '300' };
    expect(await run(['webhook'], impatient)).toEqual({ code: 1, lines: ['webhook trigger: timed_out'] });
  });

  it('names the channels that there are for an unknown one, and sends nothing', async () => {
    await expect(run(['webhook', 'pigeon'])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^pigeon is none of pagerduty, .*webhook\.\nUsage: npm run alert:test/) as string,
    });
    expect(peer.received).toEqual([]);
  });

  it('shows its usage where no channel is named or configured', async () => {
    const none = loadConfig({});
    const running = runAlertTest([], none, () => undefined);
    await expect(running).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('ALERT_CHANNELS') });
  });
});
