import type { FailureReporter } from '../errors';
import type { Run } from './run';

/** Lets an agent run its `finally` blocks, without waiting for one that never comes to them. */
export function abandon(stream: AsyncGenerator, reporter: FailureReporter, { id: run_id, user_id }: Run): void {
  const context = { operation: 'run.abandon', component: 'AgentSupervisor', run_id, user_id } as const;
  stream.return(undefined).catch((error: unknown) => reporter.report(error, context));
}
