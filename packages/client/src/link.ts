import {
  ACK_DEADLINE_MS,
  PROTOCOL_VERSION,
  type Ack,
  type ClientEventName,
  type ConnectionEstablished,
  type ErrorBody,
  type ErrorEnvelope,
  type HandshakeAuth,
  type RequestPayload,
} from '@clarion/protocol';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { localError } from './errors';

/** The server answers within ACK_DEADLINE_MS; what takes longer than this has been lost. */
const ANSWER_LIMIT_MS = ACK_DEADLINE_MS + 2_000;
const SETUP_LIMIT_MS = 20_000;

/** Why there is no connection any more. */
export type LinkEnd =
  /** The server refused it, with the reason. */
  | { readonly kind: 'refused'; readonly error: ErrorBody }
  /** It was never there. */
  | { readonly kind: 'unreachable'; readonly cause: unknown }
  | {
      readonly kind: 'lost';
      /** The server ended it by Socket.IO's disconnect, which it does where coming back cannot help. */
      readonly byServer: boolean;
      /** What the server told last, if that was an error. */
      readonly error: ErrorBody | null;
      /** When the server wants to see this client again. */
      readonly askedMs: number | null;
      /** For how long it had been caught up; 0 if it never was. */
      readonly livedMs: number;
    };

export interface LinkHandlers {
  /** Everything the server sends, in its order. */
  received(name: string, payload: unknown): void;
  /** Called once, as the last. */
  ended(end: LinkEnd): void;
}

export interface LinkOptions {
  readonly url: string;
  readonly auth: Omit<HandshakeAuth, 'protocol'>;
  readonly socket?: Partial<ManagerOptions & SocketOptions> | undefined;
}

type Refusal = Error & { data?: Partial<ErrorEnvelope> };

/** One connection, from the handshake to its end. It does not come back: the next one is another link. */
export class Link {
  private readonly socket: Socket;
  private readonly setup: ReturnType<typeof setTimeout>;
  private established: ConnectionEstablished | null = null;
  private lastError: ErrorBody | null = null;
  private drainingMs: number | null = null;
  private caughtUpAt: number | null = null;
  private over = false;

  constructor(
    { url, auth, socket }: LinkOptions,
    private readonly handlers: LinkHandlers,
  ) {
    this.socket = io(url, {
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      ...socket,
      ...{ auth: { ...auth, protocol: PROTOCOL_VERSION }, forceNew: true, reconnection: false, autoConnect: false },
    });
    this.setup = setTimeout(
      () => this.end({ kind: 'unreachable', cause: new Error(`no connection within ${SETUP_LIMIT_MS} ms`) }),
      SETUP_LIMIT_MS,
    );
    this.socket.on('connect_error', (error: Refusal) => this.end(failedSetup(error)));
    this.socket.on('disconnect', (reason) => this.lose(reason === 'io server disconnect'));
    this.socket.onAny((name: string, payload: unknown) => this.receive(name, payload));
    this.socket.connect();
  }

  /** Null before `connection_established`. */
  get connection(): ConnectionEstablished | null {
    return this.established;
  }

  /** The acknowledgement, refusals included. @throws ClarionError CLIENT_DISCONNECTED, CLIENT_NO_ANSWER */
  request<N extends ClientEventName>(name: N, payload: RequestPayload<N>): Promise<Ack<N>> {
    return new Promise((resolve, reject) => {
      if (this.over) return reject(localError('CLIENT_DISCONNECTED'));
      this.socket.timeout(ANSWER_LIMIT_MS).emit(name, payload, (failure: Error | null, ack: Ack<N>) => {
        if (failure === null) resolve(ack);
        else reject(localError(this.socket.connected ? 'CLIENT_NO_ANSWER' : 'CLIENT_DISCONNECTED', failure));
      });
    });
  }

  /** Ends it from this side; `ended` is told as of any lost connection. */
  close(): void {
    this.lose(false);
  }

  private receive(name: string, payload: unknown): void {
    if (this.over) return;
    if (name === 'connection_established') {
      clearTimeout(this.setup);
      this.established = payload as ConnectionEstablished;
    }
    if (name === 'replay_complete') this.caughtUpAt = Date.now();
    if (name === 'server_draining') this.drainingMs = (payload as { reconnect_after_ms: number }).reconnect_after_ms;
    // Only an error that nothing follows can be why the connection ended.
    else this.lastError = name === 'error' ? ((payload as ErrorEnvelope).error ?? null) : null;
    this.handlers.received(name, payload);
  }

  private lose(byServer: boolean): void {
    const error = this.lastError;
    const livedMs = this.caughtUpAt === null ? 0 : Date.now() - this.caughtUpAt;
    this.end({ kind: 'lost', byServer, error, askedMs: this.drainingMs ?? error?.retry_after_ms ?? null, livedMs });
  }

  private end(end: LinkEnd): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.setup);
    this.socket.disconnect();
    this.handlers.ended(end);
  }
}

function failedSetup(error: Refusal): LinkEnd {
  const refusal = error.data?.error;
  return refusal ? { kind: 'refused', error: refusal } : { kind: 'unreachable', cause: error };
}
