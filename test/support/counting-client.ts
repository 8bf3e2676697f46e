import type { DurableEvent } from '@clarion/protocol';
import { io, type Socket } from 'socket.io-client';

/** SQL: puts events into a mailbox that exists: $1 user, $2 how many, $3 the length of the text of each. */
export const FILL_MAILBOX = `
WITH m AS (UPDATE mailboxes SET head = head + $2 WHERE user_id = $1 RETURNING head)
INSERT INTO mailbox_events (user_id, seq, type, critical, data)
SELECT $1, m.head - $2 + n, 'agent_progress', false, jsonb_build_object('progress', 0.5, 'message', repeat(md5(n::text), $3 / 32))
FROM m, generate_series(1, $2::int) AS n`;

interface Pausable {
  pause(): void;
  resume(): void;
}

/** The WebSocket below a client: paused, it reads nothing from its TCP connection. */
export function webSocketOf(socket: Socket): Pausable {
  return (socket.io.engine.transport as unknown as { ws: Pausable }).ws;
}

/** A client for many events: it keeps only their numbers, and comes back by itself with its cursor. */
export function countingClient(
  url: string,
  token: string,
  transport = 'websocket',
): { socket: Socket; seqs: number[] } {
  const seqs: number[] = [];
  const known: { cursor?: string } = {};
  const auth = (give: (auth: object) => void): void => give({ token, ...known });
  const socket = io(url, { auth, transports: [transport], forceNew: true, reconnectionDelay: 10 });
  socket.on('agent_progress', ({ seq, id }: DurableEvent) => {
    seqs.push(seq);
    known.cursor = id;
  });
  return { socket, seqs };
}

/** The next event of that name. */
export function heard(socket: Socket, name: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(name, resolve));
}

/** 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
