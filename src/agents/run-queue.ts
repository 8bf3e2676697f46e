/** A wake-up for a run that may run now. The same pair is one job: `<run_id>-<dispatch>`. */
export interface RunWakeUp {
  readonly run_id: string;
  readonly dispatch: number;
  /** W3C trace context of the request that the run answers. */
  readonly traceparent?: string | null;
}

/** Hands wake-ups to the workers, at least once. The lease, not the queue, decides who runs. */
export abstract class RunQueue {
  /** False only while the process starts: runs wait for the queue then, and nobody has to hear of it. */
  abstract readonly open: boolean;
  /** Resolves when all are stored. Times out by itself; a rejection means that some may not have been stored. */
  abstract enqueue(wakeUps: readonly RunWakeUp[]): Promise<void>;
  /** Those of the given wake-ups whose job waits for somebody to take it. */
  abstract pending(wakeUps: readonly RunWakeUp[]): Promise<ReadonlySet<string>>;
}
