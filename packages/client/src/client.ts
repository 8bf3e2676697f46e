import type { ClientEventName, ConnectionEstablished, RequestPayload, RequestResult } from '@clarion/protocol';
import type { Bounds } from './backoff';
import { Bookmark } from './bookmark';
import { Connector } from './connector';
import { Credentials } from './credentials';
import { ClarionError, localError } from './errors';
import { EventIntake } from './event-intake';
import { Gate } from './gate';
import { Healer } from './healer';
import type { Link } from './link';
import { Listeners, type ClientEventMap } from './listeners';
import { LiveRun } from './live-run';
import { Messages } from './messages';
import type { ClarionClientOptions, ClarionRun, ConnectionState, SendOptions } from './options';
import { Outbox } from './outbox';
import { Problems } from './problems';
import { ReadingPosition } from './reading-position';
import { ReconnectPolicy } from './reconnect-policy';
import { Runs } from './runs';
import { Sender } from './sender';
import { defaultStore, StoreSlot } from './store';
import { within } from './within';

const WAIT_FOR_CONNECTION_MS = 15_000;
const DEFAULT_DEVICE = 'default';

/**
 * A connection to Clarion that keeps itself: it reconnects, renews its token, continues where it stopped, and sends every message
 * exactly once. See the package's README.
 */
export class ClarionClient {
  private readonly life = new AbortController();
  private readonly listeners = new Listeners();
  private readonly position = new ReadingPosition();
  private readonly connected = new Gate<Link>();
  private readonly caughtUp = new Gate<ConnectionEstablished>();
  private readonly problems: Problems;
  private readonly cursor: StoreSlot<string>;
  private readonly bookmark: Bookmark;
  private readonly outbox: Outbox;
  private readonly runs: Runs;
  private readonly healer: Healer;
  private readonly messages: Messages;
  private readonly connector: Connector;
  private loading: Promise<void> | null = null;

  constructor(private readonly options: ClarionClientOptions) {
    this.problems = new Problems(options.onProblem, this.listeners);
    const store = options.store ?? defaultStore(this.problems.report);
    const key =
      options.storeKey ?? `clarion:${options.url}:${options.user ?? ''}:${options.deviceId ?? DEFAULT_DEVICE}`;
    this.cursor = new StoreSlot(store, `${key}:cursor`, this.problems.report);
    this.bookmark = new Bookmark(this.position, this.cursor, options.ack === 'manual');
    this.outbox = new Outbox(new StoreSlot(store, `${key}:outbox`, this.problems.report));
    this.runs = new Runs((runId) => this.healer.doubt(runId));
    this.healer = new Healer(this.runs, this.ask, () => this.connected.current !== null);
    this.messages = this.makeMessages();
    this.connector = this.makeConnector();
  }

  /** Where the connection is; `on('state')` tells of its changes. */
  get state(): ConnectionState {
    return this.connector.current;
  }

  /** `"<epoch>:<seq>"` of the last durable event that was processed; null before the first connection. */
  get lastEventId(): string | null {
    return this.bookmark.lastEventId;
  }

  /**
   * Connects and keeps connected. While it waits to reconnect, calling it again tries at once.
   * @returns when everything that was missed has been delivered; waits as long as trying again can help
   * @throws ClarionError refused for good, or closed
   */
  async connect(): Promise<ConnectionEstablished> {
    this.loading ??= this.load();
    await this.loading;
    this.assertOpen();
    this.connector.start();
    return this.caughtUp.wait();
  }

  /** @returns what ends the listening */
  on<N extends keyof ClientEventMap>(name: N, listener: (payload: ClientEventMap[N]) => void): () => void {
    return this.listeners.on(name, listener);
  }

  /** Sends a message, now or as soon as there is a connection, in this life of the client or the next one on the same store. */
  send(content: string, options: SendOptions = {}): ClarionRun {
    return this.messages.send(content, options);
  }

  /** The messages that an earlier life wrote and nobody has acknowledged yet. `connect` sends them, whether this is called or not. */
  restore(): Promise<readonly ClarionRun[]> {
    return this.messages.restore();
  }

  /** Watches a run that was not started here. @throws ClarionError RUN_NOT_FOUND, … */
  async follow(runId: string): Promise<ClarionRun> {
    const { run } = await this.request('run_get', { run_id: runId });
    const live = new LiveRun(null, null, this.ask);
    live.accept({ messageId: run.message_id, threadId: run.thread_id, runId, duplicate: false });
    this.runs.watch(runId, live);
    if (!this.runs.correct(run)) this.healer.doubt(runId);
    return live;
  }

  /** Repeats a failed or cancelled run. @throws ClarionError RUN_NOT_RETRYABLE, … */
  async retry(runId: string): Promise<ClarionRun> {
    const { run_id } = await this.request('run_retry', { run_id: runId });
    return this.follow(run_id);
  }

  /**
   * With `ack: 'manual'`: everything up to this event, by default the last one, has been processed and is not given again. Without a connection
   * the next one tells the server. @throws ClarionError CURSOR_INVALID; CLIENT_DISCONNECTED, CLIENT_NO_ANSWER: call it again
   */
  async acknowledge(eventId: string | null = this.lastEventId): Promise<void> {
    if (eventId === null) return;
    if (this.connected.current !== null) await this.request('events_ack', { cursor: eventId });
    await this.bookmark.acknowledge(eventId);
  }

  /** Any request of the protocol. @throws ClarionError the refusal; CLIENT_DISCONNECTED, CLIENT_NO_ANSWER: the outcome is unknown */
  async request<N extends ClientEventName>(name: N, payload: RequestPayload<N>): Promise<RequestResult<N>> {
    const link = await within(this.link(), WAIT_FOR_CONNECTION_MS, () => localError('CLIENT_DISCONNECTED'));
    const ack = await link.request(name, payload);
    if (ack.ok) return ack;
    if (ack.error.reason === 'AUTH_TOKEN_EXPIRED') this.connector.restart(true);
    throw new ClarionError(ack.error);
  }

  /**
   * Disconnects for good. What is not acknowledged stays in the store for the next client, unless `forget`, which is for signing out.
   * @returns when the store has everything
   */
  async close({ forget = false }: { forget?: boolean } = {}): Promise<void> {
    this.life.abort();
    this.connector.stop();
    if (forget) await Promise.all([this.outbox.clear(), this.cursor.write(null)]);
    await Promise.all([this.outbox.settled(), this.cursor.settled()]);
  }

  private readonly ask = this.request.bind(this);

  private makeMessages(): Messages {
    const { outbox, ask } = this;
    const { report } = this.problems;
    const sender = new Sender({
      ...{ outbox, report, bounds: this.bounds(), signal: this.life.signal },
      connected: async () => (await this.link()).connection?.user_id ?? '',
      post: (message) => this.request('chat_message', message),
      accepted: (live, { message_id, thread_id, run_id, duplicate }) => {
        live.accept({ messageId: message_id, threadId: thread_id, runId: run_id, duplicate });
        this.runs.watch(run_id, live);
        // What the run has done may have been told to the life that sent it first.
        if (duplicate) this.healer.doubt(run_id);
      },
    });
    const author = (): string | null => this.connected.current?.connection?.user_id ?? this.options.user ?? null;
    return new Messages({ outbox, sender, ask, report, author });
  }

  private makeConnector(): Connector {
    const { url, socket, token, deviceId, locale, ack } = this.options;
    const credentials = new Credentials(token, this.problems.report);
    const intake = new EventIntake({
      ...{ position: this.position, bookmark: this.bookmark, runs: this.runs, healer: this.healer },
      ...{ listeners: this.listeners, problems: this.problems },
      established: (link) => this.connected.open(link),
      caughtUp: ({ connection }) => connection && this.caughtUp.open(connection),
      expiring: (link) => void credentials.renew(link),
      reconnect: () => this.connector.restart(),
    });
    return new Connector({
      ...{
        link: { url, socket },
        credentials,
        policy: new ReconnectPolicy(this.bounds()),
        report: this.problems.report,
      },
      handshake: () => ({
        ...(deviceId === undefined ? {} : { device_id: deviceId }),
        ...(locale === undefined ? {} : { locale }),
        ...(ack === undefined ? {} : { ack }),
        ...(this.bookmark.cursor === null ? {} : { cursor: this.bookmark.cursor }),
      }),
      received: (link, name, payload) => intake.take(link, name, payload),
      changed: (state) => this.changed(state),
    });
  }

  private async load(): Promise<void> {
    await this.bookmark.load();
    await this.messages.restore();
  }

  private changed(state: ConnectionState): void {
    if (state.status !== 'connected') {
      this.connected.shut();
      this.caughtUp.shut();
    }
    if (state.status === 'refused') this.refused(state.error);
    if (state.status === 'closed') {
      const closed = localError('CLIENT_CLOSED');
      this.connected.fail(closed);
      this.caughtUp.fail(closed);
      this.runs.failAll(closed);
    }
    this.listeners.emit('state', state);
  }

  private refused(error: ConstructorParameters<typeof ClarionError>[0]): void {
    // A cursor that the server cannot read would be refused for ever.
    if (error.reason === 'CURSOR_INVALID') this.bookmark.drop();
    this.caughtUp.fail(new ClarionError(error));
  }

  private async link(): Promise<Link> {
    this.assertOpen();
    return this.connected.wait();
  }

  private assertOpen(): void {
    if (this.life.signal.aborted) throw localError('CLIENT_CLOSED');
  }

  private bounds(): Bounds {
    const { minMs = 200, maxMs = 10_000 } = this.options.reconnect ?? {};
    return { minMs, maxMs };
  }
}
