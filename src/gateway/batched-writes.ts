import type { Socket as TcpSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientSocket } from './session';

type Engine = ClientSocket['conn'];

/** What of Engine.IO's connection is used here beyond its types. */
interface Flushing {
  flush(): void;
}

/** A packet of Engine.IO as far as it matters here; the frame is what its WebSocket transport sends as it is. */
interface Packet {
  readonly options?: { readonly wsPreEncodedFrame?: readonly Buffer[] };
}

/** What of Engine.IO's WebSocket transport is used here; `_socket` is how `ws` calls its TCP socket. */
interface WebSocketTransport {
  send(packets: readonly Packet[]): void;
  readonly socket?: { readonly _socket?: TcpSocket };
}

/**
 * Lets what is sent in one turn of the event loop go to the kernel together. Engine.IO hands over the first packet at once and the others when that
 * is written, and `ws` makes a system call of each, which is most of the cost of a replay and of streamed answers. Long-polling sends one body in any case.
 */
export function batchWrites(engine: Engine): void {
  flushOncePerTurn(engine);
  corkBatches(engine.transport);
  engine.on('upgrade', corkBatches);
}

/** Lets the answer to an upgrade and the packet by which Engine.IO opens, which come in one turn, go together too. */
export function batchUpgrade(_request: unknown, tcp: Duplex): void {
  tcp.cork();
  setImmediate(() => tcp.uncork());
}

/** One that is closing waits for nothing. */
function flushOncePerTurn(engine: Engine): void {
  const flushing = engine as unknown as Flushing;
  const flush = flushing.flush.bind(engine);
  let scheduled = false;
  const flushNow = (): void => {
    scheduled = false;
    flush();
  };
  flushing.flush = () => {
    if (engine.readyState !== 'open') return flush();
    if (scheduled) return;
    scheduled = true;
    setImmediate(flushNow);
  };
}

function corkBatches(given: unknown): void {
  const transport = given as WebSocketTransport;
  const tcp = transport.socket?._socket;
  if (tcp === undefined) return;
  const send = transport.send.bind(transport);
  transport.send = (packets) => {
    tcp.cork();
    try {
      send(joined(packets));
    } finally {
      tcp.uncork();
    }
  };
}

/** Frames that follow each other are one piece of the stream: a replay is one write, however many events it has. */
function joined(packets: readonly Packet[]): readonly Packet[] {
  const pieces: Packet[] = [];
  let frames: Buffer[] = [];
  const join = (): void => {
    if (frames.length > 0) pieces.push({ options: { wsPreEncodedFrame: [Buffer.concat(frames)] } });
    frames = [];
  };
  for (const packet of packets) {
    const frame = packet.options?.wsPreEncodedFrame;
    if (frame) frames.push(...frame);
    else {
      join();
      pieces.push(packet);
    }
  }
  join();
  return pieces;
}
