import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, Socket as TcpSocket, type AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { batchUpgrade, batchWrites } from './batched-writes';
import { emitShared } from './shared-packets';

const EVENTS = 100;

afterEach(() => jest.restoreAllMocks());

describe.each([['websocket'], ['polling'], ['polling', 'websocket']])('over %s %s', (...transports) => {
  it('what is emitted in one turn reaches the client whole and in order, in a few writes', async () => {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const server = new Server(http, { perMessageDeflate: false });
    server.engine.on('connection', batchWrites);
    const { port } = http.address() as AddressInfo;
    const client = io(`http://127.0.0.1:${port}`, { transports });
    const received: number[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('number', (value: number) => {
        received.push(value);
        if (received.length === EVENTS) resolve();
      });
    });
    const [socket] = (await once(server, 'connection')) as [Socket];
    await upgraded(client, transports);

    const writes = jest.spyOn(TcpSocket.prototype, '_writev' as never);
    for (let value = 0; value < EVENTS; value += 1) {
      // Packets with a frame of their own, and every tenth without.
      if (value % 10 === 0) socket.emit('number', value);
      else emitShared(socket.conn, 'number', { toJSON: () => value });
      // In the same turn of the event loop, but after what was written has been taken.
      await new Promise((resolve) => process.nextTick(resolve));
    }
    await all;
    expect(received).toEqual(Array.from({ length: EVENTS }, (_, index) => index));
    expect(writes.mock.calls.length).toBeLessThan(EVENTS / 5);
    client.close();
    await server.close();
  });
});

it('the answer to an upgrade and the packet that opens the connection come together', async () => {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http, { perMessageDeflate: false });
  http.prependListener('upgrade', batchUpgrade);
  const { port } = http.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  client.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const writes = jest.spyOn(TcpSocket.prototype, '_writev' as never);
  let text = '';
  while (!text.includes('"sid"')) text += String(((await once(client, 'data')) as [Buffer])[0]);
  expect(text).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\n[^]*0\{"sid"/);
  expect(writes).toHaveBeenCalledTimes(1);
  client.destroy();
  await server.close();
});

/** Where both transports are offered, the client changes from the first to the second. */
async function upgraded(client: ReturnType<typeof io>, transports: readonly string[]): Promise<void> {
  while (client.io.engine.transport.name !== transports.at(-1)) await once(client.io.engine as never, 'upgrade');
}
