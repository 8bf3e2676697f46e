import { pause } from './backoff';
import { isRepeatable } from './errors';
import type { Ask } from './options';
import type { Runs } from './runs';

/** The server keeps the text of a running answer every 250 ms: asking sooner gives the same. */
const AGAIN_MS = 300;

/** Asks the server about runs whose state is in doubt, until each is certain again. */
export class Healer {
  private readonly doubtful = new Set<string>();
  private readonly asking = new Set<string>();

  constructor(
    private readonly runs: Runs,
    private readonly ask: Ask,
    private readonly isConnected: () => boolean,
  ) {}

  /** Something of the run may have been missed. */
  doubt(runId: string): void {
    this.doubtful.add(runId);
    if (!this.asking.has(runId) && this.isConnected()) void this.heal(runId);
  }

  /** Connected again: asks about everything that is still in doubt. */
  resume(): void {
    for (const runId of this.doubtful) this.doubt(runId);
  }

  private async heal(runId: string): Promise<void> {
    this.asking.add(runId);
    while (this.doubtful.has(runId) && this.isConnected()) {
      const waitMs = await this.attempt(runId);
      if (waitMs === null) this.doubtful.delete(runId);
      else await pause(waitMs);
    }
    this.asking.delete(runId);
  }

  /** @returns after how long to ask again; null: the run is certain, or certainly gone */
  private async attempt(runId: string): Promise<number | null> {
    try {
      const { run } = await this.ask('run_get', { run_id: runId });
      return this.runs.correct(run) ? null : AGAIN_MS;
    } catch (error) {
      if (isRepeatable(error)) return Math.max(AGAIN_MS, error.body.retry_after_ms ?? 0);
      this.runs.reject(runId, error as Error);
      return null;
    }
  }
}
