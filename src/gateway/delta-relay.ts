import { ATTEMPT_EVENTS, TERMINAL_EVENTS, type AgentDelta, type DurableEvent, type RunView } from '@clarion/protocol';

/** Together far less than what may wait for a client: they are let go at once. */
const MOST_HELD = 2_000;
const MOST_HELD_CHARS = 200_000;
const MOST_ENDED = 1_000;

/** What a relay writes to, and where it gets what it missed. */
export interface RelayPorts {
  emitDelta(delta: AgentDelta): void;
  emitSnapshot(run: RunView): void;
  /** The run with what is kept of its answer, a moment from now; null where there is none, or it cannot be read. Never rejects. */
  readRun(runId: string): Promise<RunView | null>;
}

/** How far the client is in the answer of a run: its attempt, and where the next delta is expected. */
interface Progress {
  attempt: number;
  index: number;
}

/**
 * Lets the deltas of a user's runs through to one connection: those of an attempt only between the event that begins it and the one that
 * ends it, and none past a gap: what is missing is made good by a snapshot first.
 */
export class DeltaRelay {
  private readonly runs = new Map<string, Progress>();
  private readonly ended = new Set<string>();
  private readonly refilling = new Set<string>();
  private readonly dropped = new Set<string>();
  private held: AgentDelta[] = [];
  private heldChars = 0;
  private flowing = false;
  private closed = false;

  constructor(private readonly ports: RelayPorts) {}

  accept(delta: AgentDelta): void {
    if (this.closed || this.ended.has(delta.run_id)) return;
    const run = this.runs.get(delta.run_id);
    if (run !== undefined && delta.attempt < run.attempt) return;
    if (!this.flowing || run?.attempt !== delta.attempt) return this.hold(delta);
    if (delta.index > run.index) {
      this.hold(delta);
      void this.refill(delta.run_id);
      return;
    }
    const end = delta.index + delta.text.length;
    if (end <= run.index) return;
    run.index = end;
    this.ports.emitDelta(delta);
  }

  /** Follows a durable event that is emitted. */
  follow(event: Pick<DurableEvent, 'type' | 'run_id' | 'attempt' | 'data'>): void {
    const { type, run_id, attempt } = event;
    if (run_id === null) return;
    if (attempt !== null && ATTEMPT_EVENTS.has(type)) {
      const { data } = event;
      this.runs.set(run_id, { attempt, index: 'keep_index' in data ? data.keep_index : 0 });
    }
    if (TERMINAL_EVENTS.has(type)) this.markEnded(run_id);
  }

  /** Emits the snapshot of a run as a connection finds it. */
  begin(run: RunView): void {
    this.runs.set(run.run_id, { attempt: run.attempt, index: run.text.length });
    this.ports.emitSnapshot(run);
  }

  /** Deltas are held until `flow`. */
  pause(): void {
    this.flowing = false;
  }

  /** The durable events are level with the log: deltas go out, those held first. */
  flow(): void {
    this.flowing = true;
    this.releaseHeld();
  }

  /** Deltas may have been lost of any run. */
  doubt(): void {
    for (const [runId, { attempt }] of this.runs) if (attempt > 0) void this.refill(runId);
  }

  close(): void {
    this.closed = true;
    this.held = [];
  }

  private hold(delta: AgentDelta): void {
    if (this.held.length >= MOST_HELD || this.heldChars + delta.text.length > MOST_HELD_CHARS) {
      this.dropped.add(delta.run_id);
      return;
    }
    this.held.push(delta);
    this.heldChars += delta.text.length;
  }

  private releaseHeld(): void {
    if (this.held.length === 0) return;
    const held = this.held;
    this.held = [];
    this.heldChars = 0;
    for (const delta of held) this.accept(delta);
    for (const runId of this.dropped) void this.refill(runId);
    this.dropped.clear();
  }

  /** Once at a time for each run, and again for as long as there is a gap. */
  private async refill(runId: string): Promise<void> {
    if (this.refilling.has(runId)) return;
    this.refilling.add(runId);
    const run = await this.ports.readRun(runId);
    this.refilling.delete(runId);
    if (this.closed) return;
    if (run !== null) this.replace(run);
    if (this.flowing) this.releaseHeld();
  }

  /** A snapshot of an attempt whose beginning was not emitted yet would be cut by that event: it is left out. */
  private replace(run: RunView): void {
    const known = this.runs.get(run.run_id);
    if (!this.flowing || known?.attempt !== run.attempt || run.text.length <= known.index) return;
    known.index = run.text.length;
    this.ports.emitSnapshot(run);
  }

  private markEnded(runId: string): void {
    this.runs.delete(runId);
    this.ended.add(runId);
    const [oldest] = this.ended;
    if (this.ended.size > MOST_ENDED && oldest !== undefined) this.ended.delete(oldest);
  }
}
