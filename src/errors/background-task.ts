/** When and how often a background task runs. Times in milliseconds. */
export interface TaskSchedule {
  /** From one due time to the next. */
  readonly everyMs: number;
  /**
   * `cluster` (default): one process at a time runs it, woken by the queue `background-tasks`. `process`: every process runs its own, by a
   * timer; for what belongs to a process, and for what has to work while the queues do not.
   */
  readonly scope?: 'cluster' | 'process';
  /** Attempts before it counts as failed; default 5. Between them 1 s to 120 s, doubled each time, with jitter. */
  readonly attempts?: number;
  /** After this the attempt counts as failed, and its signal is aborted; default 60 s. */
  readonly timeoutMs?: number;
}

/**
 * Work that is done again and again in the background. Provide a class of this kind (`*.task.ts`) in any module, and the room `tasks` finds
 * it at the start, runs it, and tells when it fails, recovers, or does not run when it should.
 */
export abstract class BackgroundTask {
  /** Stable and unique: `mailbox.retention`. */
  abstract readonly name: string;
  abstract readonly schedule: TaskSchedule;

  /**
   * One run. May be repeated at any time, and may for a moment run twice: a process that was presumed dead may still be at it. What it throws
   * is an attempt that failed.
   * @param signal aborted when time is up, or the process stops
   */
  abstract run(signal: AbortSignal): Promise<void>;
}
