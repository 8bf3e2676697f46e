import type { Ack, AckFailure, ClientEventName, ErrorBody, ErrorEnvelope, RequestPayload } from '@clarion/protocol';
import { ackFailureSchema, errorEnvelopeSchema, requestResultSchemas } from '@clarion/protocol/schemas';
import { io, type Socket } from 'socket.io-client';
import { View } from './view';
import type { Witness } from './witness';

/** Twice the server's own deadline: nothing on a living connection may take longer. */
export const ANSWER_LIMIT_MS = 20_000;
const CONNECT_LIMIT_MS = 4_000;
const LONGEST_RETRY_MS = 2_000;
const ACK_PACKET = 3;
/** For the balancer of a cluster: all requests of one connection reach one gateway, and the next connection another one. */
const affinity = {
  connections: 0,
  query: {
    get affinity(): number {
      return affinity.connections++;
    },
  },
};
/** Their own words: what was asked for may have been done. */
export const UNKNOWN_OUTCOMES: ReadonlySet<string> = new Set(['ACK_TIMEOUT', 'DATABASE_TIMEOUT']);

export type Outcome<N extends ClientEventName> =
  | { kind: 'ok'; answer: Exclude<Ack<N>, AckFailure> }
  | { kind: 'refused'; error: ErrorBody }
  | { kind: 'unknown'; why: string };

export interface DeviceSetup {
  readonly url: string;
  readonly token: string;
  readonly polling: boolean;
}

/** A plain socket.io-client of a user that comes back by itself, with its cursor. */
export class Device {
  readonly views: View[] = [];
  private socket: Socket;
  private page = new AbortController();
  private connectedSince: number | null = null;
  private away = false;
  private retry: NodeJS.Timeout | undefined;
  private readonly answered = new Set<number>();
  private readonly watchers = new Set<() => void>();

  constructor(
    readonly name: string,
    private readonly setup: DeviceSetup,
    private readonly witness: Witness,
    cursor: string | null = null,
  ) {
    this.views.push(this.newView(cursor));
    this.socket = this.newSocket();
  }

  get view(): View {
    const view = this.views.at(-1);
    if (view === undefined) throw new Error('a device has a view from its beginning');
    return view;
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  request<N extends ClientEventName>(
    name: N,
    payload: RequestPayload<N>,
    limitMs = ANSWER_LIMIT_MS,
  ): Promise<Outcome<N>> {
    const sentAt = performance.now();
    return new Promise((resolve) => {
      // What still waited for a connection is never sent then, and never answered.
      this.page.signal.addEventListener('abort', () => resolve({ kind: 'unknown', why: 'the page is gone' }));
      this.socket.timeout(limitMs).emit(name, payload, (failure: Error | null, answer: Ack<N>) => {
        if (failure === null) return resolve(this.judged(name, answer));
        const lived = this.connectedSince !== null && this.connectedSince <= sentAt;
        if (lived && performance.now() - sentAt >= ANSWER_LIMIT_MS)
          this.witness.problem(`${this.name}: ${name} was not answered within ${limitMs} ms on a living connection`);
        resolve({ kind: 'unknown', why: failure.message });
      });
    });
  }

  /** The transport breaks; the client comes back by itself. */
  drop(): void {
    this.witness.note(`${this.name} loses its transport`);
    this.socket.io.engine?.close();
  }

  leave(): void {
    this.witness.note(`${this.name} leaves`);
    clearTimeout(this.retry);
    this.away = true;
    this.socket.disconnect();
  }

  /** Does nothing for a socket that is connecting already: socket.io-client would connect it twice. */
  comeBack(): void {
    if (this.away) this.socket.connect();
    this.away = false;
  }

  /** Forgets all it knew and begins anew: from a cursor that it had stored, or without one, where the server thinks it was. */
  reload(cursor: string | null): void {
    this.witness.note(`${this.name} reloads ${cursor === null ? 'without a cursor' : `from ${cursor.split(':')[1]}`}`);
    this.close();
    this.away = false;
    this.page = new AbortController();
    this.views.push(this.newView(cursor));
    this.answered.clear();
    this.socket = this.newSocket();
  }

  close(): void {
    clearTimeout(this.retry);
    this.socket.removeAllListeners();
    this.socket.disconnect();
    this.page.abort();
    this.connectedSince = null;
  }

  /** Resolves with whether `condition` came true in time; looked at after everything that is received. */
  async until(condition: () => boolean, limitMs: number): Promise<boolean> {
    if (condition()) return true;
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.watchers.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (condition()) end(true);
      };
      const timer = setTimeout(() => end(condition()), limitMs);
      this.watchers.add(look);
    });
  }

  private newView(cursor: string | null): View {
    return new View(this.name, this.witness, cursor, (runId) => void this.ask(runId));
  }

  private async ask(runId: string): Promise<void> {
    const view = this.view;
    const outcome = await this.request('run_get', { run_id: runId });
    if (outcome.kind === 'ok') view.learn(outcome.answer.run);
  }

  private newSocket(): Socket {
    const { url, token, polling } = this.setup;
    const socket = io(url, {
      auth: (give) => give({ token, device_id: this.name, cursor: this.view.cursor ?? undefined }),
      transports: [polling ? 'polling' : 'websocket'],
      query: polling ? affinity.query : {},
      forceNew: true,
      timeout: CONNECT_LIMIT_MS,
      reconnectionDelay: 100,
      reconnectionDelayMax: 800,
    });
    socket.on('connect', () => {
      this.connectedSince = performance.now();
      this.witness.tally.add('connections');
    });
    socket.on('disconnect', (reason) => this.disconnected(reason));
    socket.on('connect_error', (error: Error & { data?: ErrorEnvelope }) => this.refused(error));
    socket.io.on('packet', (packet: { type: number; id?: number }) => this.checkOnce(packet));
    socket.onAny((name: string, payload: unknown) => {
      this.view.accept(name, payload);
      for (const look of [...this.watchers]) look();
    });
    return socket;
  }

  private disconnected(reason: string): void {
    if (this.connectedSince !== null) this.witness.note(`${this.name} is disconnected: ${reason}`);
    this.connectedSince = null;
    if (reason === 'io server disconnect') this.connectAfter(LONGEST_RETRY_MS);
  }

  /** A refusal has an envelope; what has none never reached the server's middleware. */
  private refused({ message, data }: Error & { data?: ErrorEnvelope }): void {
    if (data === undefined) return this.witness.tally.add('connections that did not come about');
    const result = errorEnvelopeSchema.safeParse(data);
    if (!result.success)
      this.witness.problem(`${this.name}: refused against the schema: ${JSON.stringify(result.error.issues)}`);
    const { error } = data;
    this.witness.note(`${this.name} is refused: ${error.support_code}`);
    this.witness.told(error, `${this.name}, refused connection`);
    if (message !== error.reason) this.witness.problem(`${this.name}: ${message} is refused as ${error.reason}`);
    if (!error.retryable) this.witness.problem(`${this.name}: refused for good, ${error.support_code}`);
    this.connectAfter(error.retry_after_ms ?? LONGEST_RETRY_MS);
  }

  private connectAfter(delayMs: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.away || this.socket.connect(), Math.min(delayMs, LONGEST_RETRY_MS));
  }

  private judged<N extends ClientEventName>(name: N, answer: Ack<N>): Outcome<N> {
    const { ok } = answer;
    const result = (ok ? requestResultSchemas[name] : ackFailureSchema).safeParse(answer);
    if (!result.success)
      this.witness.problem(
        `${this.name}: answer to ${name} against the schema: ${JSON.stringify(result.error.issues)}`,
      );
    if (ok) return { kind: 'ok', answer: answer as Exclude<Ack<N>, AckFailure> };
    const { error } = answer;
    this.witness.told(error, `${this.name}, ${name}`);
    // Their own words: the outcome is unknown, repeat with the same ids.
    return UNKNOWN_OUTCOMES.has(error.reason)
      ? { kind: 'unknown', why: error.support_code }
      : { kind: 'refused', error };
  }

  private checkOnce({ type, id = -1 }: { type: number; id?: number }): void {
    if (type !== ACK_PACKET) return;
    if (this.answered.has(id)) this.witness.problem(`${this.name}: request ${id} was answered twice`);
    this.answered.add(id);
  }
}
