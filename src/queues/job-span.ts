import { z } from 'zod';
import type { Tracing } from '../telemetry';
import type { Attempted } from './job-failures';
import type { QueueName } from './queue-definitions';

/** What a job may say of the trace that it belongs to; what else it carries is its processor's to check. */
const Carried = z.object({ run_id: z.uuid().optional(), traceparent: z.string().nullish() });

/** Runs one attempt at a job within a span: in the trace that the job carries, else in one of its own. */
export function inJobSpan(
  tracing: Tracing,
  queue: QueueName,
  job: Attempted,
  work: () => Promise<void>,
): Promise<void> {
  // The canary of the health checks comes every few seconds, and belongs to nobody.
  if (queue === 'health-checks') return work();
  const { run_id, traceparent } = Carried.safeParse(job.data).data ?? {};
  const run = run_id === undefined ? {} : { run_id };
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.operation.type': 'process',
    'messaging.destination.name': queue,
    ...(run_id === undefined ? {} : { 'clarion.run.id': run_id }),
  };
  return tracing.root(`process ${queue}`, { kind: 'CONSUMER', parent: traceparent, attributes, fields: run }, work);
}
