import { ComponentError } from '../errors';
import { untraced } from '../telemetry';

/** What became of one item of a batch. */
export type Outcome<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

export interface GroupCommitOptions<T, R> {
  /** Writes all items in one transaction; one outcome for each, in their order. A rejection means that nothing was written. */
  readonly writeAll: (items: readonly T[]) => Promise<readonly Outcome<R>[]>;
  /** Writes one item after a batch has failed, so that a bad item fails its own caller alone; default: as a batch of one. */
  readonly writeOne?: (item: T) => Promise<R>;
  /** True when the failure is not the items' fault: then all callers get it, and nothing is tried again. */
  readonly isOutage: (error: unknown) => boolean;
  readonly maxBatch: number;
  /** Batches under way at the same time. */
  readonly lanes: number;
  /** Beside another batch only a full one is begun: as long as one at a time keeps up, they are fewer and larger. Default: any. */
  readonly patient?: boolean;
  /** How long the next batch gathers after one has ended, if it is not full before: whoever comes alone does not wait. Default: not at all. */
  readonly gatherMs?: number;
  /** Items that may wait; more are refused with DATABASE_CAPACITY. */
  readonly maxWaiting: number;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (value: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets writes that arrive together share a transaction: while a batch is under way the next one fills. Alone, a write goes at once. Reads
 * that come in masses may share their statements in the same way.
 */
export class GroupCommit<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private busy = 0;
  private scheduled = false;
  private gathering: NodeJS.Timeout | null = null;

  constructor(private readonly options: GroupCommitOptions<T, R>) {}

  /** @throws ComponentError DATABASE_CAPACITY when too much waits; else what writing the item throws */
  submit(item: T): Promise<R> {
    const { maxWaiting } = this.options;
    if (this.waiting.length >= maxWaiting) {
      return Promise.reject(ComponentError.database('DATABASE_CAPACITY', { details: { waiting: maxWaiting } }));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** At the end of the event loop's turn: what one read of the sockets has brought goes together. */
  private schedule(): void {
    if (this.scheduled || !this.mayBegin) return;
    if (this.gathering !== null && this.waiting.length < this.options.maxBatch) return;
    this.scheduled = true;
    untraced(() => setImmediate(() => this.startScheduled()));
  }

  private get mayBegin(): boolean {
    const { lanes, patient = false, maxBatch } = this.options;
    return this.busy < lanes && (!patient || this.busy === 0 || this.waiting.length >= maxBatch);
  }

  private startScheduled(): void {
    this.scheduled = false;
    this.startBatches();
  }

  private startBatches(): void {
    while (this.waiting.length > 0 && this.mayBegin) {
      const batch = this.waiting.splice(0, this.options.maxBatch);
      this.busy += 1;
      void this.write(batch).finally(() => {
        this.busy -= 1;
        this.gather();
        if (this.waiting.length > 0) this.schedule();
      });
    }
  }

  private gather(): void {
    const { gatherMs } = this.options;
    if (gatherMs === undefined) return;
    if (this.gathering !== null) clearTimeout(this.gathering);
    this.gathering = setTimeout(() => {
      this.gathering = null;
      if (this.waiting.length > 0) this.schedule();
    }, gatherMs).unref();
  }

  /** Never rejects: every caller has its own outcome. */
  private async write(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const outcomes = await this.options.writeAll(batch.map(({ item }) => item));
      batch.forEach((waiting, at) => settle(waiting, outcomes[at]));
    } catch (error) {
      await this.reportToCallers(batch, error);
    }
  }

  private async reportToCallers(batch: readonly Waiting<T, R>[], error: unknown): Promise<void> {
    const { isOutage, writeOne } = this.options;
    const together = isOutage(error) || (batch.length === 1 && writeOne === undefined);
    for (const waiting of batch) {
      if (together) waiting.reject(error);
      else await this.writeAlone(waiting);
    }
  }

  private async writeAlone(waiting: Waiting<T, R>): Promise<void> {
    const { writeOne, writeAll } = this.options;
    if (writeOne) return writeOne(waiting.item).then(waiting.resolve, waiting.reject);
    const [alone] = await Promise.allSettled([writeAll([waiting.item])]);
    if (alone.status === 'fulfilled') settle(waiting, alone.value[0]);
    else waiting.reject(alone.reason);
  }
}

function settle<T, R>(waiting: Waiting<T, R>, outcome: Outcome<R> | undefined): void {
  if (outcome === undefined) waiting.reject(new TypeError('a batch gives an outcome for each of its items'));
  else if (outcome.ok) waiting.resolve(outcome.value);
  else waiting.reject(outcome.error);
}
