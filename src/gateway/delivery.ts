import { ATTEMPT_EVENTS, TERMINAL_EVENTS, type AgentDelta, type DurableEvent, type RunView } from '@clarion/protocol';
import type { UserSignal } from '../mailbox';

const PAGE = 200;
const MOST_HELD = 5_000;
const MOST_ENDED = 1_000;

/** What a delivery reads from and writes to. */
export interface DeliveryPorts {
  /** The next events after `seq`, oldest first, at most `limit`. */
  read(seq: number, limit: number): Promise<readonly DurableEvent[]>;
  emitEvent(event: DurableEvent): void;
  emitDelta(delta: AgentDelta): void;
  emitSnapshot(run: RunView): void;
  /** Deltas of the run were dropped: `accept` a fresh snapshot of it. */
  refresh(runId: string): void;
  /** Resolves when the client has taken what was emitted so far. */
  drained(): Promise<void>;
  /** The log could not be read; the delivery stands still until `resume`. Called also after `close`. */
  reportUnread(error: unknown): void;
}

/**
 * Delivers a user's signals to one connection: durable events exactly in `seq` order without gap or duplicate, and the deltas of an
 * attempt only between the event that begins it and the one that ends it. A jump in `seq` is read from the log.
 */
export class Delivery {
  private readonly attempts = new Map<string, number>();
  private readonly ended = new Set<string>();
  private readonly doubted = new Set<string>();
  private held: AgentDelta[] = [];
  private target: number;
  private pumping = false;
  private live = false;
  private closed = false;

  /**
   * @param sent the last `seq` that the client has
   * @param head where the log ended when the snapshots of `goLive` were read: `replay` goes there and no further
   */
  constructor(
    private sent: number,
    private readonly head: number,
    private readonly ports: DeliveryPorts,
  ) {
    this.target = head;
  }

  /** The last `seq` that was emitted. */
  get sentSeq(): number {
    return this.sent;
  }

  /** Emits everything up to the head, page by page, marked `recovered`; signals that arrive meanwhile are held. @throws what reading throws */
  async replay(): Promise<void> {
    await this.readTo(
      () => this.head,
      (event) => ({ ...event, recovered: true }),
    );
  }

  /** Emits the snapshots, read together with the head that `replay` went to, then lets go of what was held and goes live. */
  goLive(snapshots: readonly RunView[], announce: () => void): void {
    for (const run of snapshots) {
      this.attempts.set(run.run_id, run.attempt);
      this.ports.emitSnapshot(run);
    }
    announce();
    this.live = true;
    if (this.target > this.sent) this.pump();
    else this.releaseHeld();
  }

  /** Takes a signal of the user's live channel. */
  accept(signal: Exclude<UserSignal, { kind: 'erased' }>): void {
    if (this.closed) return;
    switch (signal.kind) {
      case 'events':
        for (const event of signal.events) this.acceptEvent(event);
        return;
      case 'delta':
        this.acceptDelta(signal.delta);
        return;
      case 'snapshot':
        this.acceptSnapshot(signal.run);
    }
  }

  /** The log is known to go to `head`: what is missing up to there is read. */
  reach(head: number): void {
    this.target = Math.max(this.target, head);
    this.resume();
  }

  /** Reads on after `reportUnread`. */
  resume(): void {
    if (this.live && this.target > this.sent) this.pump();
  }

  close(): void {
    this.closed = true;
    this.held = [];
  }

  private acceptEvent(event: DurableEvent): void {
    this.target = Math.max(this.target, event.seq);
    if (!this.live || this.pumping || event.seq <= this.sent) return;
    if (event.seq === this.sent + 1) {
      this.emit(event);
      this.releaseHeld();
    } else {
      this.pump();
    }
  }

  private acceptDelta(delta: AgentDelta): void {
    if (this.ended.has(delta.run_id)) return;
    const attempt = this.attempts.get(delta.run_id) ?? 0;
    if (delta.attempt < attempt) return;
    if (this.live && !this.pumping && delta.attempt === attempt) this.ports.emitDelta(delta);
    else this.hold(delta);
  }

  /** A snapshot of an attempt whose beginning was not emitted yet would be cut by that event: it is left out. */
  private acceptSnapshot(run: RunView): void {
    if (this.live && !this.pumping && this.attempts.get(run.run_id) === run.attempt) this.ports.emitSnapshot(run);
  }

  private hold(delta: AgentDelta): void {
    if (this.held.length < MOST_HELD) this.held.push(delta);
    else this.doubted.add(delta.run_id);
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    void this.catchUp();
  }

  /** Reads from the log until nothing is ahead; ends with what was held, which the last page may have set free. */
  private async catchUp(): Promise<void> {
    try {
      while (!this.closed && this.sent < this.target) await this.readTo(() => this.target);
    } catch (error) {
      this.pumping = false;
      this.ports.reportUnread(error);
      return;
    }
    // In the same turn as the last look at the target: no signal can slip in between.
    this.pumping = false;
    this.releaseHeld();
  }

  private async readTo(end: () => number, mark = (event: DurableEvent): DurableEvent => event): Promise<void> {
    while (!this.closed && this.sent < end()) {
      const page = await this.ports.read(this.sent, Math.min(PAGE, end() - this.sent));
      if (this.closed) return;
      if (page.length === 0) throw new GapInLog(this.sent + 1, null);
      for (const event of page) {
        if (event.seq !== this.sent + 1) throw new GapInLog(this.sent + 1, event.seq);
        this.emit(mark(event));
      }
      await this.ports.drained();
    }
  }

  private emit(event: DurableEvent): void {
    this.sent = event.seq;
    this.target = Math.max(this.target, event.seq);
    const { run_id, attempt } = event;
    if (run_id !== null && attempt !== null && ATTEMPT_EVENTS.has(event.type)) this.attempts.set(run_id, attempt);
    if (run_id !== null && TERMINAL_EVENTS.has(event.type)) this.markEnded(run_id);
    this.ports.emitEvent(event);
  }

  private markEnded(runId: string): void {
    this.attempts.delete(runId);
    this.ended.add(runId);
    const [oldest] = this.ended;
    if (this.ended.size > MOST_ENDED && oldest !== undefined) this.ended.delete(oldest);
  }

  private releaseHeld(): void {
    if (this.held.length === 0) return;
    const held = this.held;
    this.held = [];
    for (const delta of held) this.acceptDelta(delta);
    for (const runId of this.doubted) this.ports.refresh(runId);
    this.doubted.clear();
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
