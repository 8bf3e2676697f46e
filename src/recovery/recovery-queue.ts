/** The queues of this room: looks for users who are not there, and digests on their way out. */
export type RecoveryQueueName = 'message-recovery' | 'fallback-delivery';

/** A job wakes one round of a recovery or a delivery, whose row decides whether that round is still to be done. */
export interface RoundJob {
  readonly id: string;
  readonly round: number;
  /** Grows with every job of the row, so that no two have one id. */
  readonly dispatch: number;
  /** From now, in milliseconds. */
  readonly delay_ms: number;
}

/** Jobs of this room. Owned here, implemented by queues. What is lost there the sweep finds in the database. */
export abstract class RecoveryQueue {
  /** False until jobs can be taken. */
  abstract readonly open: boolean;
  /** @throws ComponentError QUEUE_UNAVAILABLE */
  abstract schedule(queue: RecoveryQueueName, jobs: readonly RoundJob[]): Promise<void>;
}
