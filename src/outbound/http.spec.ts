import { once } from 'node:events';
import { createServer } from 'node:net';
import { verified, WebhookReceiver } from '../../test/support/webhook-receiver';
import { isPublicAddress, type Resolve } from './addresses';
import { OutboundHttp } from './http.service';
import { retryAfterMs } from './retry-after';
import { webhookHeaders } from './webhook';

const SETTINGS = { timeoutMs: 10_000, privateAddresses: true, smtpUrl: undefined, smtpFrom: undefined };
const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

let receiver: WebhookReceiver;
const http = new OutboundHttp(SETTINGS);
const impatient = new OutboundHttp({ ...SETTINGS, timeoutMs: 150 });

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
});

afterEach(() => receiver.close());

describe('a request to a peer', () => {
  it('gives status and body of an answer that takes it', async () => {
    receiver.next.push({ status: 202, body: 'taken: ä' });
    const outcome = await http.send({ url: receiver.url, method: 'PUT', headers: { 'x-a': '1' }, body: '{"é":1}' });
    expect(outcome).toEqual({ sent: true, status: 202, body: 'taken: ä' });
    expect(receiver.received).toMatchObject([{ path: '/hook', body: '{"é":1}', headers: { 'x-a': '1' } }]);
  });

  it('carries a signature that the library of receivers verifies, and that another body fails', async () => {
    const body = JSON.stringify({ text: 'naïve 🎉' });
    await http.send({ url: receiver.url, body, headers: webhookHeaders({ secrets: [SECRET], id: 'msg_1', body }) });
    const [received] = receiver.received;
    expect(verified(SECRET, received!)).toEqual({ text: 'naïve 🎉' });
    expect(received!.headers['webhook-id']).toBe('msg_1');
    expect(() => verified(SECRET, { ...received!, body: body.replace('naïve', 'native') })).toThrow();
  });

  it('is signed by every secret, so that a receiver may know the old one or the new one', async () => {
    const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const headers = webhookHeaders({ secrets: [other, SECRET], id: 'msg_1', body: '{}' });
    await http.send({ url: receiver.url, body: '{}', headers });
    for (const secret of [SECRET, other]) expect(verified(secret, receiver.received[0]!)).toEqual({});
    const stranger = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
    expect(() => verified(stranger, receiver.received[0]!)).toThrow();
  });

  it.each([
    [400, false],
    [404, false],
    [408, false],
    [410, false],
    [429, true],
    [500, true],
    [503, true],
  ])('answered with %d may be tried again: %s', async (status, retryable) => {
    receiver.next.push({ status, body: 'no', headers: { 'retry-after': '7' } });
    expect(await http.send({ url: receiver.url })).toEqual({
      sent: false,
      kind: 'rejected',
      retryable,
      status,
      retryAfterMs: 7_000,
      detail: 'no',
    });
  });

  it.each([301, 302, 307, 308])('does not follow the redirect %d', async (status) => {
    receiver.next.push({ status, headers: { location: receiver.url } });
    expect(await http.send({ url: receiver.url })).toMatchObject({ kind: 'redirected', retryable: false, status });
    expect(receiver.received).toHaveLength(1);
  });

  it.each(['never', 'trickle'] as const)('answered %s ends in time', async (behaviour) => {
    receiver.next.push(behaviour);
    expect(await impatient.send({ url: receiver.url })).toMatchObject({ kind: 'timed_out', retryable: true });
  });

  it('reads no more than 64 KB of an answer without end', async () => {
    receiver.next.push('endless');
    const outcome = await http.send({ url: receiver.url });
    expect(outcome.sent && outcome.body.length).toBe(65_536);
  });

  it('that breaks, or reaches nobody, may be tried again', async () => {
    receiver.next.push('drop');
    expect(await http.send({ url: receiver.url })).toMatchObject({ kind: 'unreachable', detail: 'ECONNRESET' });
    const { url } = receiver;
    await receiver.close();
    expect(await http.send({ url })).toMatchObject({ kind: 'unreachable', retryable: true, detail: 'ECONNREFUSED' });
    receiver = await WebhookReceiver.start();
  });

  it('to a peer that speaks no HTTP, or upgrades, fails and ends', async () => {
    const peers = [
      '220 mail.example.com ESMTP\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ];
    for (const words of peers) {
      const peer = createServer((socket) => void socket.on('error', () => undefined).end(words)).listen(0, '127.0.0.1');
      await once(peer, 'listening');
      const { port } = peer.address() as { port: number };
      expect(await impatient.send({ url: `http://127.0.0.1:${port}/` })).toMatchObject({
        sent: false,
        retryable: true,
      });
      peer.close();
    }
  });
});

describe('without OUTBOUND_PRIVATE_ADDRESSES', () => {
  const resolving =
    (address: string): Resolve =>
    (_host, _options, callback) =>
      callback(null, [{ address, family: 4 }]);
  const guarded = (resolve?: Resolve) => new OutboundHttp({ ...SETTINGS, privateAddresses: false }, resolve);

  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f000001',
    '2130706433',
    '0.0.0.0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
    'localhost',
  ])('nothing is sent to %s', async (host) => {
    const outcome = await guarded().send({ url: `http://${host}:${receiver.port}/` });
    expect(outcome).toMatchObject({ kind: 'address_refused', retryable: false });
    expect(receiver.received).toEqual([]);
  });

  it('a name that begins to mean a private address is refused when it is connected to', async () => {
    const answers = ['93.184.215.14', '127.0.0.1'];
    const rebinding: Resolve = (...given) => resolving(answers.shift() ?? '')(...given);
    const client = new OutboundHttp({ ...SETTINGS, privateAddresses: false, timeoutMs: 100 }, rebinding);
    const url = `http://rebinding.example:${receiver.port}/`;
    expect(await client.send({ url })).toMatchObject({ sent: false, retryable: true });
    expect(await client.send({ url })).toMatchObject({ kind: 'address_refused' });
    expect(receiver.received).toEqual([]);
  });

  it.each(['8.8.8.8', '172.15.255.255', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '255.255.255.255',
    '::',
    '::ffff:10.0.0.1',
    '::7f00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'fd12::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'no address',
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Sat, 21 Nov 2026 21:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 20:00:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    [undefined, null],
  ])('%s asks for %s ms', (header, ms) => {
    expect(retryAfterMs(header, Date.parse('2026-11-21T21:00:00Z'))).toBe(ms);
  });
});
