import { type AppConfig, loadConfig } from '../config';
import { classify, type ComponentError, type Failure, type FailureContext, FailureReporter } from '../errors';
import { MetricsRegistry } from '../telemetry';
import { JobFailures } from './job-failures';
import type { Processors } from './queue-definitions';
import { QueueHost } from './queue-host';
import { QueueMetrics } from './queue-metrics';

/** Remembers what it is told; support codes are `<REASON>_<count>`. */
class RecordingReporter extends FailureReporter {
  readonly reported: (FailureContext & { reason: string; error: ComponentError })[] = [];

  override async report(thrown: unknown, context: FailureContext): Promise<Failure> {
    const cause = classify(thrown, context.component);
    this.reported.push({ ...context, reason: cause.reason, error: cause });
    return { cause, support_code: `${cause.reason}_${this.reported.length}` } as Failure;
  }
}

export type RunJob = Parameters<Processors['agent-runs']>[0];

/** A host as the module makes it, with the processor of a spec. */
export function createHost(environment: Record<string, string> = {}) {
  const config: AppConfig = loadConfig({ DATA_DIR: '/nonexistent', ...environment });
  const registry = new MetricsRegistry();
  const metrics = new QueueMetrics(registry);
  const reporter = new RecordingReporter();
  return { host: new QueueHost(config, new JobFailures(reporter, metrics), metrics), reporter, registry };
}

/** Resolves when `condition` holds; looks every 20 ms. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${ms} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether `work` succeeded. */
export async function succeeds(work: Promise<unknown>): Promise<boolean> {
  const [outcome] = await Promise.allSettled([work]);
  return outcome.status === 'fulfilled';
}
