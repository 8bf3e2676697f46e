/** What wakes cluster tasks. Owned here, implemented by queues. */
export abstract class TaskQueue {
  /** False while nothing can be scheduled. */
  abstract readonly open: boolean;

  /** Wakes the task every so many milliseconds, until it is unscheduled; changes nothing where it is scheduled like that already. */
  abstract schedule(task: string, everyMs: number, attempts: number): Promise<void>;

  abstract unschedule(task: string): Promise<void>;

  /** Resolves when a task that does nothing was woken and is done; at once in a process that runs none. @throws QUEUE_UNAVAILABLE, also when `signal` says so */
  abstract roundTrip(signal: AbortSignal): Promise<void>;

  /** Wakes the task once, now. @returns the id of the job */
  abstract runOnce(task: string, attempts: number): Promise<string>;
}
