import type { Usage } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';

/** Why a run that this process advances has to stop although its agent has not finished. Not a failure, but thrown like one. */
export class RunStop extends Error {
  override readonly name = 'RunStop';

  constructor(readonly kind: 'ended_elsewhere' | 'lease_lost' | 'shutdown' | 'asked') {
    super(kind);
  }
}

/** A run that this process advances. `fence` is 0 until the lease is taken. */
export interface ActiveRun {
  readonly id: string;
  fence: number;
  attempt: number;
  /** The answer so far: what this attempt was begun with, and what its agent has written since. */
  text: string;
  /** Of the models that were asked in this attempt and those before it; null where none was. */
  usage: Usage | null;
  /** By the monotonic clock, as it is about to be leased. */
  readonly begunAt: number;
  /** From then to the first output, in milliseconds; null before it. */
  firstOutputMs: number | null;
  readonly controller: AbortController;
  /** Aborted when this process stops. */
  readonly shutdown: AbortSignal;
}

/** The runs that this process advances now. */
@Injectable()
export class ActiveRuns {
  private readonly runs = new Map<string, ActiveRun>();
  /** Runs that were to begin while they were under way. */
  private readonly wanted = new Set<string>();
  private readonly closing = new AbortController();
  private idle: (() => void)[] = [];

  /** Registers a run before its lease is taken; null when this process is at it already. */
  begin(runId: string): ActiveRun | null {
    if (this.runs.has(runId)) {
      this.wanted.add(runId);
      return null;
    }
    const controller = new AbortController();
    const active = {
      id: runId,
      fence: 0,
      attempt: 0,
      text: '',
      usage: null,
      begunAt: performance.now(),
      firstOutputMs: null,
      controller,
      shutdown: this.closing.signal,
    };
    this.runs.set(runId, active);
    return active;
  }

  /** True when the run was to begin meanwhile: it may wait for its next attempt by now. */
  finish(active: ActiveRun): boolean {
    this.runs.delete(active.id);
    const wanted = this.wanted.delete(active.id) && !this.closing.signal.aborted;
    if (this.runs.size > 0 || wanted) return wanted;
    const waiting = this.idle;
    this.idle = [];
    for (const resolve of waiting) resolve();
    return false;
  }

  /** Stops the run if it is one of ours, under the given lease or any. */
  stop(runId: string, kind: RunStop['kind'], fence?: number): void {
    const active = this.runs.get(runId);
    if (active && (fence === undefined || active.fence === fence)) active.controller.abort(new RunStop(kind));
  }

  /** This process stops: its runs do, and nothing waits for the database any longer. */
  shutDown(): void {
    this.closing.abort(new RunStop('shutdown'));
    for (const id of this.runs.keys()) this.stop(id, 'shutdown');
  }

  /** What has been written in this attempt under this lease, or null when it is not ours: newer than the last checkpoint. */
  text(run: Pick<ActiveRun, 'id' | 'fence' | 'attempt'>): string | null {
    return this.own(run)?.text ?? null;
  }

  /** How long the first output of this attempt took under this lease, or null when it is not ours, or there was none. */
  firstOutputMs(run: Pick<ActiveRun, 'id' | 'fence' | 'attempt'>): number | null {
    return this.own(run)?.firstOutputMs ?? null;
  }

  /** What has been used under this lease and before it, or null when it is not ours, or nothing was. */
  usage(run: Pick<ActiveRun, 'id' | 'fence' | 'attempt'>): Usage | null {
    return this.own(run)?.usage ?? null;
  }

  /** Those whose lease is taken. */
  leased(): { id: string; fence: number }[] {
    return [...this.runs.values()].filter(({ fence }) => fence > 0).map(({ id, fence }) => ({ id, fence }));
  }

  ids(): string[] {
    return [...this.runs.keys()];
  }

  get size(): number {
    return this.runs.size;
  }

  private own({ id, fence, attempt }: Pick<ActiveRun, 'id' | 'fence' | 'attempt'>): ActiveRun | null {
    const active = this.runs.get(id);
    return active?.fence === fence && active.attempt === attempt ? active : null;
  }

  /** Resolves when no run is under way. */
  async whenIdle(): Promise<void> {
    if (this.runs.size > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }
}
