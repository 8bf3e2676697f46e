import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { emitAll, emitShared } from './shared-packets';

/** On both sides of every length at which the header of a frame changes, and more bytes than characters. */
const TEXTS = [
  '',
  '\x1e4',
  'a'.repeat(90),
  'a'.repeat(200),
  'ü€😀'.repeat(5_000),
  'a'.repeat(65_500),
  '😀'.repeat(50_000),
];

describe.each(['websocket', 'polling'])('over %s', (transport) => {
  let server: Server;
  let ends: Awaited<ReturnType<typeof connect>>[];

  beforeEach(async () => {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    server = new Server(http, { perMessageDeflate: false });
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    ends = [await connect(url), await connect(url)];
  });

  afterEach(async () => {
    // A client that closes while it polls would go on after the test.
    const gone = ends.map(({ client }) => once(client as never, 'disconnect'));
    await server.close();
    await Promise.all(gone);
  });

  const connect = async (url: string) => {
    const client = io(url, { transports: [transport], forceNew: true, reconnection: false });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('text', ({ text }: { text: string }) => {
        received.push(text);
        if (received.length === TEXTS.length) resolve();
      });
    });
    return { client, conn: socket.conn, received, all };
  };

  it('an event reaches every connection whole and in its order, and is encoded once', async () => {
    let encoded = 0;
    for (const text of TEXTS) {
      const payload = { text, toJSON: () => ((encoded += 1), { text }) };
      for (const { conn } of ends) emitShared(conn, 'text', payload);
    }
    await Promise.all(ends.map(({ all }) => all));
    for (const { received } of ends) expect(received).toEqual(TEXTS);
    expect(encoded).toBe(TEXTS.length);
  });

  it('events that go together reach the client one by one, whole and in their order', async () => {
    const events = TEXTS.map((text) => ({ name: 'text', json: JSON.stringify({ text }) }));
    for (const { conn } of ends) emitAll(conn, events);
    await Promise.all(ends.map(({ all }) => all));
    for (const { received } of ends) expect(received).toEqual(TEXTS);
  });
});
