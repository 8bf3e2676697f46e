import type { ComponentName } from '@clarion/protocol';

/** What one check found out about a component. `details` are for admins; numbers and short texts. */
export type HealthFinding =
  | { readonly status: 'healthy'; readonly details?: Record<string, unknown> }
  | { readonly status: 'not_configured'; readonly details?: Record<string, unknown> }
  | {
      readonly status: 'degraded' | 'failed';
      readonly details?: Record<string, unknown>;
      /** One clause about what is wrong, without credentials: `PostgreSQL refuses connections at 127.0.0.1:5432`. */
      readonly problem: string;
      /** One clause that names the next step of whoever runs Clarion: `check that it runs`. */
      readonly suggestion: string;
      /** What gives the problem its code and reason, best a ComponentError; without it the reason is HEALTH_CHECK_FAILED. */
      readonly cause?: unknown;
    };

/**
 * Measures one component of the health report. Every room provides its own beside what it measures; the health room finds them all,
 * and asks them in the background, never from a probe.
 */
export abstract class HealthIndicator {
  abstract readonly component: ComponentName;

  /**
   * Called again and again, never twice at a time. May throw: that is a failed component as well.
   * @param signal aborted when time is up, for what is worth ending; nobody waits for it any longer
   */
  abstract check(signal: AbortSignal): Promise<HealthFinding>;

  /** What it means that `check` did not answer in time; null where nothing more is known than that. */
  unanswered(): HealthFinding | null {
    return null;
  }
}
