import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConnectionEstablished, DurableEvent, ErrorBody, RunView } from '@clarion/protocol';
import { Server, type Socket } from 'socket.io';
import { localError } from './errors';

export const EPOCH = 'epoch0000001';

/** An error as a server tells it, with a support code of its own unless told otherwise. */
export function serverError(reason: string, more: Partial<ErrorBody> = {}): ErrorBody {
  const support_code = `${reason}_${Math.random().toString(36).slice(2, 10).toUpperCase()}`;
  return { ...localError('CLIENT_CLOSED').body, reason, support_code, retryable: false, retry_after_ms: null, ...more };
}

/** A durable event of the script's mailbox. */
export function durableEvent(seq: number, more: Partial<DurableEvent> = {}, epoch = EPOCH): DurableEvent {
  const base = { timestamp: new Date(0).toISOString(), user_id: 'ann', thread_id: 't', run_id: 'r', attempt: 1 };
  return {
    ...{ ...base, type: 'agent_progress', id: `${epoch}:${seq}`, epoch, seq, path: null, critical: false },
    ...{ recovered: false, data: { progress: 0, message: String(seq) } },
    ...more,
  } as DurableEvent;
}

export function runView(more: Partial<RunView> = {}): RunView {
  const times = { created_at: new Date(0).toISOString(), started_at: null, finished_at: null };
  return {
    ...{ run_id: 'r', thread_id: 't', message_id: 'm', agent: 'a', status: 'running', attempt: 1, ...times },
    ...{ text: '', index: 0, position: 0, pending_input: null, error: null, ...more },
  };
}

type Auth = Record<string, unknown>;
type Handler = (payload: never, socket: Socket) => unknown;

/** A real Socket.IO server that does what the test says, also what Clarion does rarely or never. */
export class ScriptedServer {
  /** The handshakes so far. */
  readonly handshakes: Auth[] = [];
  /** When each of them came. */
  readonly times: number[] = [];
  readonly requests: { name: string; payload: Record<string, unknown> }[] = [];
  /** The error that refuses the nth connection, from 1; null admits it. */
  refuse: (nth: number, auth: Auth) => ErrorBody | null = () => null;
  established: Partial<ConnectionEstablished> = {};
  /** What follows `connection_established`; default nothing. */
  replay: (socket: Socket, nth: number) => void = () => undefined;
  /** Request -> acknowledgement; undefined never answers. */
  handlers: Record<string, Handler> = {};
  private socket: Socket | null = null;

  private constructor(private readonly server: Server) {
    server.use((socket, next) => {
      this.times.push(Date.now());
      this.handshakes.push(socket.handshake.auth);
      const error = this.refuse(this.handshakes.length, socket.handshake.auth);
      next(error ? Object.assign(new Error(error.reason), { data: { type: 'error', error } }) : undefined);
    });
    server.on('connection', (socket) => this.open(socket));
  }

  /** @param port default: a free one */
  static async start(port = 0): Promise<ScriptedServer> {
    const http = createServer();
    const server = new Server(http);
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    return new ScriptedServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.httpServer.address() as AddressInfo).port}`;
  }

  /** The connection that is open now. */
  get live(): Socket {
    if (!this.socket?.connected) throw new Error('nobody is connected');
    return this.socket;
  }

  of(name: string): Record<string, unknown>[] {
    return this.requests.filter((request) => request.name === name).map(({ payload }) => payload);
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  private open(socket: Socket): void {
    this.socket = socket;
    socket.onAny((name: string, payload: Record<string, unknown>, ack: (answer: unknown) => void) => {
      this.requests.push({ name, payload });
      const answer = this.handlers[name]?.(payload as never, socket);
      if (answer !== undefined) ack(answer);
    });
    const { cursor } = socket.handshake.auth;
    const from_seq = typeof cursor === 'string' ? Number(cursor.split(':')[1]) : 0;
    const resume = typeof cursor === 'string' ? 'cursor' : 'new';
    const basic = { protocol: 1, connection_id: socket.id, user_id: 'ann', device_id: 'default', epoch: EPOCH };
    socket.emit('connection_established', { ...basic, head_seq: from_seq, from_seq, resume, ...this.established });
    this.replay(socket, this.handshakes.length);
    socket.emit('replay_complete', { from_seq, to_seq: from_seq, count: 0 });
  }
}

/** Resolves as soon as the condition holds; it is looked at often, because what it waits for happens in another process or socket. */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Not within ${limitMs} ms: ${condition.toString()}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
