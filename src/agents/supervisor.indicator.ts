import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { classify, ComponentError } from '../errors';
import { Database } from '../persistence';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import { ActiveRuns } from './active-runs';
import { AgentRegistry } from './agent-registry';
import { DispatchCanary } from './dispatch-canary.service';
import { Workers } from './workers.service';

const LOOK_AGAIN_MS = 25;

/** This process shows its sign of life, and dispatches an agent; how many runs it advances, by which agents. A gateway asks for others that do. */
@Injectable()
export class SupervisorIndicator extends HealthIndicator {
  override readonly component = 'supervisor';

  constructor(
    private readonly workers: Workers,
    private readonly active: ActiveRuns,
    private readonly agents: AgentRegistry,
    private readonly database: Database,
    private readonly config: AppConfig,
    private readonly canary: DispatchCanary,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    await this.untilSteady(signal);
    if (this.workers.steadyForMs === null) return this.unanswered();
    try {
      return await this.dispatched();
    } catch (error) {
      const cause = classify(error, 'AgentSupervisor');
      if (cause.definition.component === 'Database') return this.standingStill(cause);
      const problem = 'An agent could not be dispatched';
      const suggestion = 'look the failure up by its reason in the log, and restart this process';
      return { status: 'failed', details: this.details(), problem, suggestion, cause };
    }
  }

  private async dispatched(): Promise<HealthFinding> {
    const details = this.details();
    if (this.config.server.runsJobs) {
      const began = performance.now();
      await this.canary.fly();
      return { status: 'healthy', details: { ...details, dispatch_ms: Math.round(performance.now() - began) } };
    }
    const alive = await this.workers.countAlive();
    return alive === 0 ? noWorkers(details) : { status: 'healthy', details: { ...details, workers: alive } };
  }

  /** Of a process that shows its sign of life only the database can keep a check waiting. */
  override unanswered(): HealthFinding {
    if (!this.database.ready) return this.standingStill(ComponentError.database('DATABASE_UNAVAILABLE'));
    if (this.workers.steadyForMs !== null) return this.standingStill(ComponentError.database('DATABASE_TIMEOUT'));
    const details = this.details();
    const cause = ComponentError.agentSupervisor('WORKER_LOST', { details: { worker_id: this.workers.id } });
    const problem = 'This process shows no sign of life in the database';
    return { status: 'failed', details, problem, suggestion: 'look for worker.heartbeat in the log', cause };
  }

  private standingStill(cause: ComponentError): HealthFinding {
    const problem =
      cause.reason === 'DATABASE_UNAVAILABLE'
        ? 'Runs stand still while the database is away'
        : 'Runs cannot be advanced';
    return { status: 'failed', details: this.details(), problem, suggestion: 'see the component database', cause };
  }

  /** While a heartbeat is being written nothing is known for a moment: only a gap that lasts is one. */
  private async untilSteady(signal: AbortSignal): Promise<void> {
    while (this.workers.steadyForMs === null && this.database.ready && !signal.aborted) {
      await Promise.allSettled([delay(LOOK_AGAIN_MS, undefined, { signal })]);
    }
  }

  private details(): Record<string, unknown> {
    return {
      worker_id: this.workers.id,
      heartbeat_steady_ms: this.workers.steadyForMs,
      active_runs: this.active.size,
      run_limit: this.config.agents.workerConcurrency,
      agents: this.agents.names(),
    };
  }
}

/** Messages are accepted and kept, and nobody answers them. */
function noWorkers(details: Record<string, unknown>): HealthFinding {
  const cause = ComponentError.agentSupervisor('NO_WORKERS', { details: { workers: 0 } });
  const suggestion = 'start a process with ROLE=worker or ROLE=all on the same DATABASE_URL and REDIS_URL';
  return { status: 'degraded', details, problem: 'No process runs agents', suggestion, cause };
}
