import type { ComponentError } from '../../errors';
import type { Unreliable } from '../../telemetry';

/** A part of the auth service that verifying depends on. */
export interface RemoteSource {
  readonly name: string;
  /** Why it does not work; null where it does. */
  readonly outage: ComponentError | null;
  /** Why it cannot be relied on although it worked last; null where it can. */
  readonly trouble: Unreliable<ComponentError> | null;
  /** Makes sure that it works, where that was not seen lately. @throws ComponentError */
  probe(): Promise<void>;
}
