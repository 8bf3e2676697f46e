import type { ComponentReport } from '@clarion/protocol';

/** What the gateway tells clients of the health of the system; implemented by the health room. */
export abstract class HealthSnapshot {
  /** From the cache. @param admin whether the caller's token has the scope `admin`, which decides what is visible */
  abstract report(admin: boolean): ComponentReport;
  /** What of that report everybody who connects is told. */
  abstract status(): Pick<ComponentReport, 'status' | 'degraded_components'>;
}
