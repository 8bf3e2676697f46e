import type { HealthIndicatorFunction, HealthIndicatorService } from '@nestjs/terminus';
import type { Check } from './probes.service';
import { weightOf } from './report';

/** The checks as indicators of Terminus; it knows three states, so `component_status` names ours. */
export function terminusIndicators(
  indicators: HealthIndicatorService,
  checks: readonly Check[],
): HealthIndicatorFunction[] {
  return checks.map(({ name, detail }) => {
    const { status, ...seen } = detail;
    const data = { component_status: status, ...seen };
    const session = indicators.check(name);
    switch (weightOf(name, status)) {
      case 'healthy':
      case 'not_configured':
        return () => session.up(data);
      case 'degraded':
        return () => session.degraded(data);
      case 'failed':
        return () => session.down(data);
      default:
        throw new Error(`no status: ${status}`);
    }
  });
}

export function isWell({ detail }: Check): boolean {
  return detail.status !== 'failed';
}

/** The checks line by line, in the form that Kubernetes' own `?verbose` has. */
export function verboseText(probe: string, checks: readonly Check[], unmatched: readonly string[]): string {
  const lines = checks.map((check) => {
    const { status, suggestion } = check.detail;
    if (!isWell(check)) return `[-]${check.name} failed: ${suggestion ?? 'reason withheld'}`;
    return `[+]${check.name} ${status === 'healthy' ? 'ok' : status}`;
  });
  if (unmatched.length > 0) lines.push(`warn: nothing to exclude is called ${unmatched.join(', ')}`);
  return `${lines.join('\n')}\n${probe} check ${checks.every(isWell) ? 'passed' : 'failed'}\n`;
}
