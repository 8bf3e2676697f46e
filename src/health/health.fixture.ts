import type { ComponentName } from '@clarion/protocol';
import { classify, FailureReporter, type Failure, type FailureContext } from '../errors';
import { type HealthFinding, HealthIndicator } from '../telemetry';

/** Remembers what it is told. */
export class RememberingReporter extends FailureReporter {
  readonly reported: { error: unknown; context: FailureContext }[] = [];

  override async report(error: unknown, context: FailureContext): Promise<Failure> {
    this.reported.push({ error, context });
    const cause = classify(error, context.component);
    const body = {
      reason: cause.reason,
      message: cause.message,
      help_url: `/errors/${cause.reason}`,
      retry_after_ms: null,
    };
    return { support_code: `${cause.reason}_00000000`, error: body, cause } as unknown as Failure;
  }
}

/** Finds what it is told to find, and counts how often it is asked. */
export class ScriptedIndicator extends HealthIndicator {
  checks = 0;
  find: (signal: AbortSignal) => Promise<HealthFinding>;

  constructor(
    override readonly component: ComponentName,
    finding: HealthFinding = { status: 'healthy' },
  ) {
    super();
    this.find = async () => finding;
  }

  override check(signal: AbortSignal): Promise<HealthFinding> {
    this.checks += 1;
    return this.find(signal);
  }
}

export const BROKEN = {
  status: 'failed' as const,
  problem: 'It is broken',
  suggestion: 'mend it',
  details: { parts: 2 },
} satisfies HealthFinding;
