import type { ComponentDetail } from '@clarion/protocol';

/** How the components of this process are. Owned here, implemented by health. */
export abstract class ComponentHealth {
  /** From memory. */
  abstract details(): Readonly<Record<string, ComponentDetail>>;
}
