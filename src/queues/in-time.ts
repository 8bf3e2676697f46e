import { ComponentError, within } from '../errors';
import type { QueueName } from './queue-definitions';

/** What a queue answers. @throws ComponentError QUEUE_UNAVAILABLE when it fails, or after `ms` */
export async function inTime<T>(queue: QueueName, ms: number, work: () => Promise<T>): Promise<T> {
  try {
    return await within(ms, work());
  } catch (cause) {
    throw ComponentError.redis('QUEUE_UNAVAILABLE', { cause, details: { queue } });
  }
}
