import { once } from 'node:events';
import { createServer } from 'node:net';
import { MailServer } from '../../test/support/mail-server';
import { OutboundMail } from './mail.service';

const SETTINGS = { timeoutMs: 10_000, privateAddresses: false, smtpFrom: 'Chat <chat@clarion.example>' };
const MESSAGE = { to: 'alice@example.com', subject: 'News for you: ä', text: 'One\nTwo', id: 'digest-1' };

let server: MailServer;

beforeEach(async () => {
  server = await MailServer.start();
});

afterEach(() => server.close());

const mail = (more: object = {}) => new OutboundMail({ ...SETTINGS, smtpUrl: server.url, ...more });

describe('an e-mail', () => {
  it('reaches its one recipient, with an id of its own', async () => {
    expect(await mail().send(MESSAGE)).toEqual({ sent: true });
    expect(server.received).toMatchObject([{ from: 'chat@clarion.example', to: ['alice@example.com'] }]);
    expect(server.received[0]!.raw).toContain('Message-ID: <digest-1@clarion.example>');
    expect(server.received[0]!.raw).toMatch(/One\r\nTwo/);
  });

  it('goes to nobody else, and says nothing else, whatever address and subject hold', async () => {
    const to = 'alice@example.com, bob@example.com';
    await mail().send({ ...MESSAGE, to, subject: 'Hello\r\nBcc: bob@example.com' });
    expect(server.received.flatMap((received) => received.to)).not.toContain('bob@example.com');
    expect(server.received.map(({ raw }) => raw).join('')).not.toMatch(/^Bcc:/m);
  });

  it.each([
    ['recipient', 550, false],
    ['recipient', 450, true],
    ['data', 554, false],
    ['data', 451, true],
  ] as const)('refused at its %s with %d may be tried again: %s', async (at, code, retryable) => {
    server.next.push({ at, code });
    expect(await mail().send(MESSAGE)).toMatchObject({ sent: false, kind: 'rejected', status: code, retryable });
  });

  it('to a server that is away may be tried again', async () => {
    const lonely = mail();
    await server.close();
    expect(await lonely.send(MESSAGE)).toMatchObject({ sent: false, kind: 'unreachable', retryable: true });
    server = await MailServer.start();
  });

  it('to a server that says nothing ends in time', async () => {
    const silent = createServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const outcome = await mail({ smtpUrl: `smtp://127.0.0.1:${port}`, timeoutMs: 150 }).send(MESSAGE);
    expect(outcome).toMatchObject({ sent: false, kind: 'timed_out', retryable: true });
    silent.close();
  });

  it('is not sent without a server', async () => {
    const none = mail({ smtpUrl: undefined });
    expect(none.configured).toBe(false);
    expect(await none.send(MESSAGE)).toMatchObject({ sent: false, retryable: false });
  });
});
