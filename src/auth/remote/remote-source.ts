import type { ComponentError } from '../../errors';

/** A part of the auth service that verifying depends on. */
export interface RemoteSource {
  readonly name: string;
  /** Why it does not work; null where it does. */
  readonly outage: ComponentError | null;
  /** Makes sure that it works, where that was not seen lately. @throws ComponentError */
  probe(): Promise<void>;
}
