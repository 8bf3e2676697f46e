import { ComponentError, type Failure, type FailureReporter } from '../errors';
import { abandon } from './abandon';
import type { AgentRegistry, RegisteredAgent } from './agent-registry';
import type { Run } from './run';

/** How deep agents may call agents: an agent that calls itself without end comes to one. */
const MAX_DEPTH = 4;
/** How many calls of agents an attempt may make in all. */
const MAX_CALLS = 100;

/** An agent that may be called, with the limits of its own. */
export type SubAgent = RegisteredAgent & { readonly toolMs: number };

/** The agents that those of one attempt may call. */
export class SubAgents {
  private calls = 0;

  constructor(
    private readonly run: Run,
    private readonly registry: AgentRegistry,
    private readonly reporter: FailureReporter,
  ) {}

  /** @throws ComponentError SUB_AGENT_UNKNOWN, SUB_AGENTS_TOO_DEEP, SUB_AGENTS_TOO_MANY */
  take(agent: string, path: string): SubAgent {
    const found = this.registry.find(agent);
    if (found === null) throw ComponentError.agentSupervisor('SUB_AGENT_UNKNOWN', { details: { agent } });
    if (path.split('/').length > MAX_DEPTH) {
      throw ComponentError.agentSupervisor('SUB_AGENTS_TOO_DEEP', { details: { path, limit: MAX_DEPTH } });
    }
    this.calls += 1;
    if (this.calls > MAX_CALLS) {
      throw ComponentError.agentSupervisor('SUB_AGENTS_TOO_MANY', { details: { path, limit: MAX_CALLS } });
    }
    return { ...found, toolMs: this.registry.limitsOf(found).toolMs };
  }

  /** The caller goes on without: its user hears of it, and the record tells why. */
  failed(agent: string, path: string, cause: unknown): Promise<Failure> {
    const { id: run_id, user_id, thread_id } = this.run;
    const error = ComponentError.agentSupervisor('SUB_AGENT_FAILED', { cause, details: { agent, path } });
    return this.reporter.report(error, { operation: 'run.call', notify: true, run_id, user_id, thread_id });
  }

  abandon(stream: AsyncGenerator): void {
    abandon(stream, this.reporter, this.run);
  }
}
