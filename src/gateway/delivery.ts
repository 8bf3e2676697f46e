import { TERMINAL_EVENTS, type DurableEvent, type EphemeralEventMap, type RunView } from '@clarion/protocol';
import type { LoggedEvent, UserSignal } from '../mailbox';
import { DeltaRelay, type RelayPorts } from './delta-relay';

type QueuePosition = EphemeralEventMap['queue_position'];

/** What a delivery reads from and writes to. */
export interface DeliveryPorts extends RelayPorts {
  /** A page of the next events after `seq`, oldest first, at most `limit`. */
  read(seq: number, limit: number): Promise<readonly LoggedEvent[]>;
  emitEvent(event: DurableEvent): void;
  /** @param recovered as the events are marked */
  emitPage(page: readonly LoggedEvent[], recovered: boolean): void;
  emitPosition(position: QueuePosition): void;
  /** Resolves when the client has taken what was emitted so far, or the delivery is closed. */
  drained(): Promise<void>;
  /** The log could not be read; the delivery stands still until `resume`. Called also after `close`. */
  reportUnread(error: unknown): void;
}

/**
 * Delivers a user's signals to one connection: durable events exactly in `seq` order without gap or duplicate, and deltas as `DeltaRelay`
 * lets them through. A jump in `seq` is read from the log, page by page, at the pace of the client.
 */
export class Delivery {
  private readonly deltas: DeltaRelay;
  private target: number;
  /** The last position of each queued run that moved, until what was written before it is sent. */
  private readonly positions = new Map<string, QueuePosition>();
  /** Runs that the client knows of, and of no end. */
  private readonly open = new Set<string>();
  private pumping = false;
  private live = false;
  /** Signals were lost; once compared with the head, snapshots make the deltas good too. */
  private doubt: 'none' | 'open' | 'compared' = 'none';
  private closed = false;

  /**
   * @param sent the last `seq` that the client has
   * @param head where the log ended when the snapshots of `show` were read: `replay` goes there and no further
   */
  constructor(
    private sent: number,
    private readonly head: number,
    private readonly ports: DeliveryPorts,
  ) {
    this.target = head;
    this.deltas = new DeltaRelay(ports);
  }

  /** The last `seq` that was emitted. */
  get sentSeq(): number {
    return this.sent;
  }

  /** Runs that the client waits for. */
  get openRuns(): Iterable<string> {
    return this.open;
  }

  /** Events of the log that are known of and were not emitted yet. */
  get lag(): number {
    return Math.max(0, this.target - this.sent);
  }

  /**
   * Emits everything up to the head, page by page, marked `recovered`; signals that arrive meanwhile are held. @throws what reading throws
   * @param first the first page, where it was read already
   */
  async replay(first: readonly LoggedEvent[] = []): Promise<void> {
    this.emitPage(first, true);
    if (first.length > 0 && this.lag > 0) await this.ports.drained();
    await this.readTo(() => this.head, true);
  }

  /** Emits the snapshots, read together with the head that `replay` went to, one by one: each may be as long as an answer. */
  async show(snapshots: readonly RunView[]): Promise<void> {
    for (const run of snapshots) {
      if (this.closed) return;
      this.open.add(run.run_id);
      this.deltas.begin(run);
      await this.ports.drained();
    }
    // What another process wrote a moment ago is not in them, and no delta may follow for long that would show it.
    if (snapshots.length > 0 && this.doubt === 'none') this.doubt = 'compared';
  }

  /** Lets go of what was held and goes live. */
  goLive(announce: () => void): void {
    if (this.closed) return;
    announce();
    this.live = true;
    this.settle();
  }

  /** Takes a signal of the user's live channel. */
  accept(signal: Exclude<UserSignal, { kind: 'erased' }>): void {
    if (signal.kind === 'delta') this.deltas.accept(signal.delta);
    else if (signal.kind === 'events') for (const event of signal.events) this.acceptEvent(event);
    else if (signal.kind === 'position') this.acceptPosition(signal.position);
    else this.doubt = 'open';
  }

  /** The log is known to go to `head`: what is missing up to there is read. */
  reach(head: number): void {
    this.target = Math.max(this.target, head);
    if (this.doubt === 'open') this.doubt = 'compared';
    this.resume();
  }

  /** Reads on after `reportUnread`. */
  resume(): void {
    if (this.live && !this.pumping) this.settle();
  }

  close(): void {
    this.closed = true;
    this.deltas.close();
  }

  private acceptPosition(position: QueuePosition): void {
    this.positions.set(position.run_id, position);
    this.resume();
  }

  private acceptEvent(event: DurableEvent): void {
    this.target = Math.max(this.target, event.seq);
    if (this.closed || !this.live || this.pumping || event.seq <= this.sent) return;
    if (event.seq === this.sent + 1) {
      this.pass(event);
      this.ports.emitEvent(event);
    }
    this.settle();
  }

  /** Reads what is ahead; where nothing is, deltas flow, and a doubt is cleared. */
  private settle(): void {
    if (this.closed) return;
    if (this.target > this.sent) {
      this.pumping = true;
      this.deltas.pause();
      void this.catchUp();
      return;
    }
    for (const position of this.positions.values()) this.ports.emitPosition(position);
    this.positions.clear();
    this.deltas.flow();
    if (this.doubt !== 'compared') return;
    this.doubt = 'none';
    this.deltas.doubt();
  }

  /** Reads from the log until nothing is ahead; ends with what was held, which the last page may have set free. */
  private async catchUp(): Promise<void> {
    try {
      while (!this.closed && this.sent < this.target) await this.readTo(() => this.target, false);
    } catch (error) {
      this.pumping = false;
      this.ports.reportUnread(error);
      return;
    }
    // In the same turn as the last look at the target: no signal can slip in between.
    this.pumping = false;
    this.settle();
  }

  private async readTo(end: () => number, recovered: boolean): Promise<void> {
    while (!this.closed && this.sent < end()) {
      const page = await this.ports.read(this.sent, end() - this.sent);
      if (this.closed) return;
      if (page.length === 0) throw new GapInLog(this.sent + 1, null);
      this.emitPage(page, recovered);
      if (this.closed) return;
      // What follows the last page waits for the client no more than live events do.
      if (this.sent < end()) await this.ports.drained();
    }
  }

  private emitPage(page: readonly LoggedEvent[], recovered: boolean): void {
    const next = this.sent + 1;
    const gap = page.findIndex(({ seq }, at) => seq !== next + at);
    const whole = gap < 0 ? page : page.slice(0, gap);
    for (const event of whole) this.pass(event);
    if (whole.length > 0) this.ports.emitPage(whole, recovered);
    if (gap >= 0) throw new GapInLog(this.sent + 1, page[gap]?.seq ?? null);
  }

  /** The event is about to be emitted. */
  private pass(event: DurableEvent | LoggedEvent): void {
    this.sent = event.seq;
    this.target = Math.max(this.target, event.seq);
    this.deltas.follow(event);
    if (event.type === 'run_queued' && event.run_id !== null) this.open.add(event.run_id);
    if (TERMINAL_EVENTS.has(event.type) && event.run_id !== null) this.open.delete(event.run_id);
  }
}

/** The log lacks an event that the mailbox's head has counted: what was to be delivered is not there. */
export class GapInLog extends Error {
  override readonly name = 'GapInLog';

  constructor(
    readonly expected: number,
    readonly found: number | null,
  ) {
    super(`expected event ${expected}, found ${found ?? 'none'}`);
  }
}
