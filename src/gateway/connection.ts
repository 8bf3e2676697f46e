import { setTimeout as delay } from 'node:timers/promises';
import {
  formatCursor,
  parseCursor,
  PROTOCOL_VERSION,
  type ConnectionEstablished,
  type DurableEvent,
  type RunView,
} from '@clarion/protocol';
import type { Principal } from '../auth';
import { ComponentError, type Reason } from '../errors';
import type { LoggedEvent, UserSignal } from '../mailbox';
import { AckWindow } from './ack-window';
import { Backlog } from './backlog';
import type { ConnectionStores } from './connection-stores.service';
import { Delivery, GapInLog, type DeliveryPorts } from './delivery';
import { SessionLifetime } from './session-lifetime';
import { closeForGood, closeTransport, type Admission, type Beginning, type ClientSocket } from './session';
import { emitAll, emitShared } from './shared-packets';

const RETRY_READ_MS = 500;
/** Longer than what a worker has written stays in its memory: a snapshot read after it covers what was missed before. */
const SNAPSHOT_AFTER_MS = 300;

/** One connected client: what it is sent, in order, and how far it has read. */
export class Connection {
  private readonly delivery: Delivery;
  private readonly backlog: Backlog;
  private retry: NodeJS.Timeout | undefined;
  private failing = false;
  private erased = false;
  /** What had been sent when the ping under way was sent: an answer to it proves that this was received. */
  private sentAtPing = 0;
  private confirmed: number;
  /** With `ack: manual`. */
  private readonly window: AckWindow | null;
  private readonly lifetime: SessionLifetime;
  private ending = false;
  /** Why it was ended here; null while it is not. */
  endedBy: Reason | null = null;
  /** Who is connected, as their latest token says. */
  principal: Principal;
  /** The token that says so; as it came, for the auth service to be asked about it again. */
  token: string;

  /** @param requestCompare asks for `compare`, soon */
  constructor(
    readonly socket: ClientSocket,
    readonly admission: Admission,
    private readonly stores: ConnectionStores,
    private readonly requestCompare: () => void,
  ) {
    const { resume, principal } = admission;
    this.principal = principal;
    this.token = String(socket.handshake.auth['token']);
    const { leewaySeconds, outageGraceSeconds } = stores.config.auth;
    const limits = { leewayMs: leewaySeconds * 1000, graceMs: outageGraceSeconds * 1000 };
    this.lifetime = new SessionLifetime(principal.expires_at.getTime(), limits);
    // What is behind is written once the connection is open, and again with each answered ping until it is.
    this.confirmed = resume.position === 'behind' ? resume.from_seq - 1 : resume.from_seq;
    this.delivery = new Delivery(resume.from_seq, resume.state.head, this.ports());
    const { ackWindowMs: windowMs, maxBufferedBytes: maxBytes, stalledAfterMs } = stores.config.gateway;
    this.backlog = new Backlog(socket.conn, { maxBytes, stalledAfterMs }, (bytes) => this.cutOff(bytes, maxBytes));
    this.window =
      admission.options.ack === 'manual' ? new AckWindow(windowMs, (seq) => this.unconfirmed(seq, windowMs)) : null;
  }

  /** Durable events of the mailbox that were not sent yet, as far as is known. */
  get lag(): number {
    return this.delivery.lag;
  }

  get openRuns(): Iterable<string> {
    return this.delivery.openRuns;
  }

  get userId(): string {
    return this.admission.principal.user_id;
  }

  /** Everything up to going live, in the order of PROTOCOL.md section 1. */
  async open(
    facts: Pick<ConnectionEstablished, 'limits' | 'health' | 'degraded_components'>,
    { runs, page }: Beginning,
  ): Promise<void> {
    const { resume, inbox } = this.admission;
    emitShared(this.socket.conn, 'connection_established', { ...this.established(), ...facts });
    inbox.take((signal) => this.take(signal));
    this.trackPings();
    if (resume.position === 'behind') void this.confirm(resume.from_seq);
    try {
      if (resume.missed !== null) await this.tellTruncated(resume.missed);
      await this.delivery.replay(page);
    } catch (error) {
      return this.abort(error, 'connection.replay');
    }
    const to_seq = this.delivery.sentSeq;
    const { from_seq } = resume;
    await this.delivery.show(runs);
    this.delivery.goLive(() =>
      emitShared(this.socket.conn, 'replay_complete', { from_seq, to_seq, count: to_seq - from_seq }),
    );
  }

  /**
   * `events_ack`: cumulative; answers with what now counts as read.
   * @throws ComponentError CURSOR_INVALID for another epoch, or beyond what this socket was sent
   */
  async acknowledge(text: string): Promise<{ cursor: string }> {
    const { epoch } = this.admission.resume.state;
    const sent = this.delivery.sentSeq;
    const cursor = parseCursor(text);
    if (cursor?.epoch !== epoch || cursor.seq > sent) {
      throw ComponentError.factory('CURSOR_INVALID', { details: { expected: `at most ${formatCursor(epoch, sent)}` } });
    }
    this.window?.acknowledge(cursor.seq);
    if (cursor.seq > this.confirmed) {
      await this.stores.positions.advance(this.userId, this.admission.options.device_id, cursor.seq);
      this.confirmed = Math.max(this.confirmed, cursor.seq);
    }
    return { cursor: formatCursor(epoch, this.confirmed) };
  }

  /** `auth_refresh`. @throws ComponentError AUTH_USER_MISMATCH */
  renew(principal: Principal, token: string): void {
    if (principal.user_id !== this.userId) throw ComponentError.authentication('AUTH_USER_MISMATCH');
    this.principal = principal;
    this.token = token;
    this.lifetime.renew(principal.expires_at.getTime());
  }

  /** Warns, or ends the connection so that its client comes back with another token, where that is due. */
  checkLifetime(now: number, outage: boolean): void {
    const due = this.lifetime.due(now, outage);
    const expires_at = this.principal.expires_at.toISOString();
    if (due === 'warning') this.socket.emit('auth_expiring', { expires_at });
    if (due !== 'end') return;
    const error = ComponentError.authentication('AUTH_TOKEN_EXPIRED', { details: { expired_at: expires_at } });
    void this.abort(error, 'connection.expired');
  }

  /** The token counts no more: its client has to stay away. */
  endRevoked(): void {
    const error = ComponentError.authentication('AUTH_TOKEN_REVOKED');
    void this.abort(error, 'connection.revoked', closeForGood);
  }

  /** Makes good a signal that was lost. Where the log is not the one that this client reads, it has to come back and be told; null: it is gone, with its user. */
  compare(state: { epoch: string; head: number } | null): void {
    if (state === null) return void this.endErased();
    const { epoch, head } = state;
    if (epoch === this.admission.resume.state.epoch) this.delivery.reach(head);
    else void this.abort(ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE'), 'connection.epoch');
  }

  close(): void {
    clearTimeout(this.retry);
    this.window?.close();
    this.delivery.close();
    this.backlog.close();
    // The transport may outlive this connection, and carry another.
    this.socket.conn.off('packetCreate', this.onPacketSent).off('packet', this.onPacket);
    this.admission.release();
  }

  private take(signal: UserSignal): void {
    if (signal.kind === 'erased') return void this.endErased();
    this.delivery.accept(signal);
    if (signal.kind === 'doubt') this.requestCompare();
  }

  private established(): Omit<ConnectionEstablished, 'limits' | 'health' | 'degraded_components'> {
    const { options, resume } = this.admission;
    return {
      protocol: PROTOCOL_VERSION,
      connection_id: this.socket.id,
      user_id: this.userId,
      device_id: options.device_id,
      epoch: resume.state.epoch,
      head_seq: resume.state.head,
      from_seq: resume.from_seq,
      resume: resume.resume,
      server_time: new Date().toISOString(),
    };
  }

  private ports(): DeliveryPorts {
    const { socket } = this;
    return {
      read: (seq, limit) => this.stores.log.next(this.userId, seq, limit),
      emitEvent: (event) => this.emitEvent(event),
      emitPage: (page, recovered) => this.emitPage(page, recovered),
      emitPosition: (position) => void socket.emit('queue_position', position),
      emitDelta: (delta) => emitShared(socket.conn, 'agent_delta', delta),
      emitSnapshot: (run) => void socket.emit('run_snapshot', run),
      drained: () => this.backlog.drained(),
      readRun: (runId) => this.readRun(runId),
      reportUnread: (error) => void this.reportUnread(error),
    };
  }

  private emitEvent(event: DurableEvent): void {
    emitShared(this.socket.conn, event.type, event);
    this.noteSent(event);
  }

  private emitPage(page: readonly LoggedEvent[], recovered: boolean): void {
    emitAll(
      this.socket.conn,
      page.map((event) => ({ name: event.type, json: event.json(recovered) })),
    );
    for (const event of page) this.noteSent(event);
  }

  private noteSent(event: DurableEvent | LoggedEvent): void {
    this.failing = false;
    this.stores.metrics.eventSent(event.type);
    if (event.critical) this.window?.sent(event.seq);
  }

  private async readRun(runId: string): Promise<RunView | null> {
    try {
      await delay(SNAPSHOT_AFTER_MS);
      return this.socket.connected ? await this.stores.runs.view(this.userId, runId) : null;
    } catch (error) {
      await this.reportUnread(error);
      return null;
    }
  }

  /** Reading is tried again until it works, or what was to be read is gone; the client hears of it once. */
  private async reportUnread(error: unknown): Promise<void> {
    if (!this.socket.connected) return;
    // Retention was faster than this client: on its return it is told what it missed.
    if (error instanceof GapInLog) return this.abort(error, 'connection.read');
    this.retry = setTimeout(() => this.delivery.resume(), RETRY_READ_MS);
    if (this.failing) return;
    this.failing = true;
    const failure = await this.stores.reporter.report(error, this.context('connection.read'));
    this.socket.emit('error', failure.envelope);
  }

  private unconfirmed(seq: number, windowMs: number): void {
    const cursor = formatCursor(this.admission.resume.state.epoch, seq);
    const error = ComponentError.webSocketBridge('DELIVERY_UNCONFIRMED', { details: { cursor, window_ms: windowMs } });
    void this.abort(error, 'connection.acknowledge');
  }

  /** The report names nobody: there is nobody any more. */
  private async endErased(): Promise<void> {
    if (this.erased) return;
    this.erased = true;
    this.delivery.close();
    const { locale } = this.admission.options;
    const error = ComponentError.authentication('USER_ERASED');
    const failure = await this.stores.reporter.report(error, { operation: 'connection.erased', locale });
    this.endedBy = failure.cause.reason;
    closeForGood(this.socket, failure.envelope);
  }

  private cutOff(buffered: number, limit: number): void {
    const details = { buffered_bytes: buffered, max_buffered_bytes: limit };
    void this.abort(ComponentError.webSocketBridge('BACKPRESSURE', { details }), 'connection.send');
  }

  /** Only the first reason to end is told. */
  private async abort(error: unknown, operation: string, close = closeTransport): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    this.delivery.close();
    const failure = await this.stores.reporter.report(error, this.context(operation));
    this.endedBy = failure.cause.reason;
    close(this.socket, failure.envelope);
  }

  private async tellTruncated(missed: { missed_from: number | null; missed_to: number | null }): Promise<void> {
    const error = ComponentError.webSocketBridge('HISTORY_TRUNCATED', { details: missed });
    const failure = await this.stores.reporter.report(error, this.context('connection.resume'));
    this.socket.emit('error', failure.envelope);
  }

  /** `ack: auto`: the transport is ordered, so an answered ping confirms what was sent before it. */
  private trackPings(): void {
    if (this.admission.options.ack !== 'auto') return;
    this.socket.conn.on('packetCreate', this.onPacketSent).on('packet', this.onPacket);
  }

  private readonly onPacketSent = ({ type }: { type: string }): void => {
    if (type === 'ping') this.sentAtPing = this.delivery.sentSeq;
  };

  private readonly onPacket = ({ type }: { type: string }): void => {
    if (type === 'pong' && this.sentAtPing > this.confirmed) void this.confirm(this.sentAtPing);
  };

  private async confirm(position: number): Promise<void> {
    try {
      await this.stores.positions.advance(this.userId, this.admission.options.device_id, position);
      this.confirmed = Math.max(this.confirmed, position);
    } catch (error) {
      await this.stores.reporter.report(error, this.context('connection.position'));
    }
  }

  /** What is reported of this connection is about its user. */
  context(operation: string) {
    const { locale, source } = this.admission.options;
    return { operation, component: 'WebSocketBridge' as const, user_id: this.userId, locale, source };
  }
}
