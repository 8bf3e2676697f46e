import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { ActiveRuns } from './active-runs';

const EVERY_MS = 250;
const EVERY_CHARS = 2_048;
const SETTLE_AGAIN_MS = 20;

interface Chunk {
  readonly fence: number;
  readonly attempt: number;
  readonly index: number;
  text: string;
}

/** Chunks whose run is still under the same lease are kept; the ids of those come back. */
const WRITE = `
WITH chunk AS (
  SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[]) AS c (run_id, fence, attempt, index, text)
), held AS (
  SELECT r.id, r.fence FROM runs r JOIN chunk c ON c.run_id = r.id AND c.fence = r.fence
  WHERE r.status = 'running' ORDER BY r.id FOR SHARE OF r
), written AS (
  INSERT INTO run_text (run_id, attempt, index, text)
  SELECT c.run_id, c.attempt, c.index, c.text FROM chunk c JOIN held ON held.id = c.run_id
  ON CONFLICT (run_id, attempt, index) DO UPDATE SET text = excluded.text)
SELECT id FROM held`;

/** Writes what agents have written so far, for all runs of this process in one statement, every 250 ms or 2 KB. */
@Injectable()
export class Checkpoints {
  private pending = new Map<string, Chunk>();
  /** Whose write is under way. */
  private writing: ReadonlyMap<string, Chunk> = new Map();
  private readonly loop: PeriodicLoop;

  constructor(
    private readonly database: Database,
    private readonly active: ActiveRuns,
    reporter: FailureReporter,
  ) {
    this.loop = new PeriodicLoop({
      name: 'run.checkpoint',
      everyMs: EVERY_MS,
      jitter: 0,
      work: () => this.flush(),
      reporter,
    });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Remembers a piece of the answer that begins at `index`. Pieces of one attempt come in order and without a gap. */
  add(runId: string, place: { fence: number; attempt: number; index: number }, text: string): void {
    let chunk = this.pending.get(runId);
    if (chunk?.fence === place.fence) chunk.text += text;
    else this.pending.set(runId, (chunk = { ...place, text }));
    if (chunk.text.length >= EVERY_CHARS) void this.loop.trigger();
  }

  /** Resolves when all that was added of the run so far is written. @throws the reason of the abort */
  async settle(runId: string, signal: AbortSignal): Promise<void> {
    while (this.isOwed(runId)) {
      signal.throwIfAborted();
      await this.loop.trigger();
      if (this.isOwed(runId)) await delay(SETTLE_AGAIN_MS);
    }
  }

  /** The run has ended: what is not written yet is in its final content. */
  forget(runId: string): void {
    this.pending.delete(runId);
  }

  /** A write under way may still fail, and be put back. */
  private isOwed(runId: string): boolean {
    return this.pending.has(runId) || this.writing.has(runId);
  }

  private async flush(): Promise<void> {
    if (this.pending.size === 0 || !this.database.ready) return;
    const batch = this.pending;
    this.pending = new Map();
    this.writing = batch;
    try {
      await this.write(batch);
    } catch (error) {
      this.putBack(batch);
      throw error;
    } finally {
      this.writing = new Map();
    }
  }

  private async write(batch: ReadonlyMap<string, Chunk>): Promise<void> {
    const chunks = [...batch.values()];
    const held = await this.database.query<{ id: string }>(WRITE, [
      [...batch.keys()],
      chunks.map(({ fence }) => fence),
      chunks.map(({ attempt }) => attempt),
      chunks.map(({ index }) => index),
      chunks.map(({ text }) => text),
    ]);
    const kept = new Set(held.map(({ id }) => id));
    for (const [runId, { fence }] of batch) if (!kept.has(runId)) this.active.stop(runId, 'lease_lost', fence);
  }

  /** The outcome is unknown or the write failed: the same chunk again, longer by what has come since; it replaces the shorter. */
  private putBack(batch: ReadonlyMap<string, Chunk>): void {
    for (const [runId, chunk] of batch) {
      const newer = this.pending.get(runId);
      if (newer && newer.fence !== chunk.fence) continue;
      this.pending.set(runId, { ...chunk, text: chunk.text + (newer?.text ?? '') });
    }
  }
}
