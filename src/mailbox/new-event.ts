import type { DurableEventDataMap, DurableEventType } from '@clarion/protocol';

/** An event before the mailbox has given it its place. */
export interface NewEvent<T extends DurableEventType = DurableEventType> {
  readonly type: T;
  readonly data: DurableEventDataMap[T];
  readonly thread_id?: string | null;
  readonly run_id?: string | null;
  readonly attempt?: number | null;
  readonly path?: string | null;
}
