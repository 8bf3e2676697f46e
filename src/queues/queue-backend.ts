import type { QueueConnections } from './bull';

/** Where BullMQ keeps its jobs. */
export abstract class QueueBackend {
  abstract readonly kind: 'postgres' | 'redis';

  /** False while the backend is known to be away, so that nothing need be tried. */
  abstract get ready(): boolean;

  /** Calls `listener` whenever the backend has come back by itself. */
  abstract onReady(listener: () => void): void;

  /** Makes sure that there is a place for jobs, of the version that this BullMQ needs. */
  abstract prepare(): Promise<void>;

  /** @param onError hears of every connection that breaks, idle or not; it must not throw */
  abstract connect(onError: (error: Error) => void): QueueConnections;
}
