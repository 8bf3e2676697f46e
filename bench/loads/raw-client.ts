import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const OPCODE_CLOSE = 8;

interface Waiting {
  readonly start: string;
  readonly resolve: (packet: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A Socket.IO client over WebSocket that costs next to nothing: it parses frames, and their text only where it is asked to, so that a load
 * measures the server. Answers pings.
 */
export class RawClient {
  private pending: Buffer = Buffer.alloc(0);
  private upgraded = false;
  /** Called with every packet of Socket.IO: `40{…}` connected, `44{…}` refused, `42[…]` an event, `43…` an acknowledgement. */
  onPacket: (packet: Buffer) => void = () => undefined;
  onClose: (error: Error) => void = (error) => this.fail(error);
  private readonly waiting = new Set<Waiting>();

  private constructor(
    private readonly socket: Socket,
    private readonly auth: object,
  ) {
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', (error) => this.onClose(error));
    socket.on('close', () => this.onClose(new Error('the server closed the connection')));
  }

  /** Resolves when TCP is connected; the rest comes as packets. */
  static async open(port: number, auth: object): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const client = new RawClient(socket, auth);
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    return client;
  }

  /** Resolves with the next packet that begins with `start`; several may be waited for. @throws when the server refuses or closes first */
  until(start: string): Promise<Buffer> {
    return new Promise((resolve, reject) => this.waiting.add({ start, resolve, reject }));
  }

  emit(event: string, payload: object): void {
    this.send(`42${JSON.stringify([event, payload])}`);
  }

  close(): void {
    this.onClose = () => undefined;
    this.socket.destroy();
  }

  /** With a masking key of zeros, which leaves the text as it is. */
  private send(text: string): void {
    const payload = Buffer.from(text);
    const long = payload.length > 125;
    const header = Buffer.alloc(long ? 8 : 6);
    header[0] = 0x81;
    header[1] = 0x80 | (long ? 126 : payload.length);
    if (long) header.writeUInt16BE(payload.length, 2);
    this.socket.write(Buffer.concat([header, payload]));
  }

  private read(chunk: Buffer): void {
    let data = this.pending.length > 0 ? Buffer.concat([this.pending, chunk]) : chunk;
    if (!this.upgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end >= 0) this.upgraded = true;
      data = end < 0 ? data : data.subarray(end + 4);
    }
    let at = 0;
    if (this.upgraded) for (let next = this.frame(data, at); next > at; next = this.frame(data, at)) at = next;
    this.pending = data.subarray(at);
  }

  /** Handles the frame at `at`; the place after it, or `at` while it is not whole. */
  private frame(data: Buffer, at: number): number {
    if (data.length < at + 2) return at;
    const short = (data[at + 1] as number) & 0x7f;
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (data.length < at + header) return at;
    const length =
      short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
    const end = at + header + length;
    if (data.length < end) return at;
    if (((data[at] as number) & 0x0f) !== OPCODE_CLOSE) this.packet(data.subarray(at + header, end));
    return end;
  }

  private packet(packet: Buffer): void {
    if (begins(packet, '0')) this.send(`40${JSON.stringify(this.auth)}`);
    else if (begins(packet, '2')) this.send('3');
    else if (begins(packet, '44')) this.fail(new Error(packet.toString()));
    else this.take(packet);
  }

  private take(packet: Buffer): void {
    this.onPacket(packet);
    for (const waiting of this.waiting) {
      if (!begins(packet, waiting.start)) continue;
      this.waiting.delete(waiting);
      waiting.resolve(packet);
    }
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting) reject(error);
    this.waiting.clear();
  }
}

export function begins(packet: Buffer, start: string): boolean {
  for (let at = 0; at < start.length; at += 1) if (packet[at] !== start.charCodeAt(at)) return false;
  return true;
}
