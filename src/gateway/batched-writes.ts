import type { Socket as TcpSocket } from 'node:net';
import type { ClientSocket } from './session';

type Engine = ClientSocket['conn'];

/** What of Engine.IO's WebSocket transport is used here; `_socket` is how `ws` calls its TCP socket. */
interface WebSocketTransport {
  send(packets: unknown[]): void;
  readonly socket?: { readonly _socket?: TcpSocket };
}

/**
 * Lets what is flushed together go to the kernel together. Engine.IO hands over packets in batches, but `ws` makes a system call of each, which
 * is most of the cost of a replay and of streamed answers. Long-polling sends one body in any case.
 */
export function batchWrites(engine: Engine): void {
  corkBatches(engine.transport);
  engine.on('upgrade', corkBatches);
}

function corkBatches(given: unknown): void {
  const transport = given as WebSocketTransport;
  const tcp = transport.socket?._socket;
  if (tcp === undefined) return;
  const send = transport.send.bind(transport);
  transport.send = (packets) => {
    tcp.cork();
    try {
      send(packets);
    } finally {
      tcp.uncork();
    }
  };
}
