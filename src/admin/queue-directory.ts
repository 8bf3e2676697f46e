import type { BullMQAdapter } from '@bull-board/api/bullMQAdapter';

/** A queue as Bull Board takes it. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

/** The queues that admins may see. Owned here, implemented by queues. */
export abstract class QueueDirectory {
  /** Every queue; none while they are not open. The same objects as long as they stay open. */
  abstract all(): readonly BoardQueue[];
}
