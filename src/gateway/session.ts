import type {
  AckMode,
  ClientEventName,
  ErrorEnvelope,
  RequestPayload,
  RequestResult,
  RunView,
  ServerToClientEvents,
} from '@clarion/protocol';
import type { DefaultEventsMap, Socket } from 'socket.io';
import type { Principal } from '../auth';
import type { LoggedEvent, ResumePoint, UserSignal } from '../mailbox';

/** A socket whose emits are typed by the protocol; what it receives is checked by the dispatcher. */
export type ClientSocket = Socket<DefaultEventsMap, ServerToClientEvents, DefaultEventsMap, SocketData>;

/** What a connection asked for at the handshake. */
export interface ConnectionOptions {
  readonly device_id: string;
  readonly ack: AckMode;
  readonly locale: string;
  /** The remote address, for logs and aggregation. */
  readonly source: string;
}

/** What is prepared before the connection exists, and taken over when it does. */
export interface Admission {
  /** As the token of the handshake says; a connection may go on with another one. */
  readonly principal: Principal;
  readonly options: ConnectionOptions;
  readonly resume: ResumePoint;
  readonly inbox: Inbox;
  /** Gives back what the admission holds; may be called again. */
  readonly release: () => void;
}

/** What a connection is sent first, read before it exists. Nobody keeps it: it may be large. */
export interface Beginning {
  readonly runs: readonly RunView[];
  /** Of what it has missed. */
  readonly page: readonly LoggedEvent[];
}

export interface SocketData {
  admission?: Admission & Beginning;
}

/** Who asks, and how a failure reaches somebody who gave no callback. */
export interface Caller {
  readonly principal: Principal;
  readonly options: ConnectionOptions;
  emitError(envelope: ErrorEnvelope): void;
  acknowledge(cursor: string): Promise<RequestResult<'events_ack'>>;
  /** Goes on with another token. @throws ComponentError AUTH_USER_MISMATCH */
  renew(principal: Principal, token: string): void;
}

/** Answers one kind of request of a verified caller. */
type RequestHandler<N extends ClientEventName> = (
  caller: Caller,
  payload: RequestPayload<N>,
) => Promise<RequestResult<N>>;

export type RequestHandlers = { readonly [N in ClientEventName]?: RequestHandler<N> };

const MOST_HELD = 1_000;

/** Holds what arrives on a user's live channel until somebody takes it; where that is too much, that there was something. */
export class Inbox {
  private held: UserSignal[] = [];
  private taker: ((signal: UserSignal) => void) | null = null;

  accept(signal: UserSignal): void {
    if (this.taker) this.taker(signal);
    else if (signal.kind === 'erased') this.held = [signal];
    else if (this.held.length < MOST_HELD) this.held.push(signal);
    else this.held = [{ kind: 'doubt' }];
  }

  /** From now on signals go to `taker`, those held first. */
  take(taker: (signal: UserSignal) => void): void {
    this.taker = taker;
    const held = this.held;
    this.held = [];
    for (const signal of held) taker(signal);
  }
}

/** How long a client has to take what it was still told. */
const TAKE_LEAVE_MS = 5_000;

/** Tells the client why, then ends the connection in the way after which clients stay away. */
export function closeForGood(socket: ClientSocket, envelope: ErrorEnvelope): void {
  socket.emit('error', envelope);
  socket.disconnect(true);
}

/** Tells the client why, then closes its transport, so that a plain client reconnects by itself. */
export function closeTransport(socket: ClientSocket, envelope: ErrorEnvelope): void {
  socket.emit('error', envelope);
  endTransport(socket.conn);
}

/** Closes a transport behind what it still has to send. One that does not take this keeps nothing here alive. */
export function endTransport(conn: ClientSocket['conn']): void {
  const { socket: webSocket } = conn.transport as { socket?: { terminate(): void } };
  conn.close();
  setTimeout(() => (webSocket ? webSocket.terminate() : conn.close(true)), TAKE_LEAVE_MS).unref();
}
