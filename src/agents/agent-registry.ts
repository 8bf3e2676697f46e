import { AGENT_NAME_PATTERN } from '@clarion/protocol';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { AppConfig, ConfigurationError, type ConfigurationProblem } from '../config';
import { ComponentError } from '../errors';
import { AGENT_METADATA, type AgentOptions, type AgentRunner } from './agent';
import { AgentSource, type RegisteredAgent } from './agent-source';
import type { ClockLimits } from './run-clocks';

export type { RegisteredAgent } from './agent-source';

interface Candidate {
  agent: RegisteredAgent;
  singleton: boolean;
}

/** Every agent of this process: all providers of all modules whose class carries `@Agent`, and what each `AgentSource` brings. Needs Nest's DiscoveryModule. */
@Injectable()
export class AgentRegistry implements OnModuleInit {
  private readonly agents = new Map<string, RegisteredAgent>();
  private readonly limits = new Map<string, number>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly config: AppConfig,
  ) {}

  /** Fails the start with CONFIGURATION_INVALID (1006) that names every problem at once. */
  onModuleInit(): void {
    const candidates = this.candidates();
    const problems = candidates.flatMap((candidate, index) => problemsOf(candidate, candidates.slice(0, index)));
    const names = candidates.map(({ agent }) => agent.name);
    if (!names.includes(this.defaultAgent)) {
      problems.push({
        name: 'DEFAULT_AGENT',
        found: this.defaultAgent,
        allowed: names.join(', ') || 'no agent is known',
      });
    }
    problems.push(...fallbackProblems(candidates, this.config.agents.fallbackAgent));
    if (problems.length > 0) {
      const cause = new ConfigurationError(problems);
      throw ComponentError.dependencies('CONFIGURATION_INVALID', { cause, details: { problems } });
    }
    for (const { agent } of candidates) {
      this.agents.set(agent.name, agent);
      const concurrency = agent.concurrency ?? this.config.agents.agentConcurrency;
      if (concurrency > 0) this.limits.set(agent.name, concurrency);
    }
  }

  /** Agents of which only so many runs may be under way at the same time. */
  get concurrencyLimits(): ReadonlyMap<string, number> {
    return this.limits;
  }

  get defaultAgent(): string {
    return this.config.agents.defaultAgent;
  }

  names(): string[] {
    return [...this.agents.keys()];
  }

  find(name: string): RegisteredAgent | null {
    return this.agents.get(name) ?? null;
  }

  /** Throws AGENT_UNKNOWN (1004). */
  get(name: string): RegisteredAgent {
    const agent = this.agents.get(name);
    if (agent === undefined) {
      throw ComponentError.messageHandler('AGENT_UNKNOWN', { details: { agent: name, available: this.names() } });
    }
    return agent;
  }

  /** Whether the agent's answers are continued by later attempts. */
  continues(name: string): boolean {
    return this.agents.get(name)?.continues ?? false;
  }

  /** The time limits of the agent's attempts. */
  limitsOf(agent: RegisteredAgent): ClockLimits {
    const { totalTimeoutMs, firstOutputTimeoutMs, stallTimeoutMs, toolTimeoutMs } = this.config.agents;
    return {
      totalMs: agent.timeoutMs ?? totalTimeoutMs,
      firstOutputMs: agent.firstOutputTimeoutMs ?? firstOutputTimeoutMs,
      betweenOutputsMs: agent.stallTimeoutMs ?? stallTimeoutMs,
      toolMs: agent.toolTimeoutMs ?? toolTimeoutMs,
    };
  }

  /** After which wait for a worker a user is told. */
  get noWorkerNoticeMs(): number {
    return this.config.agents.noWorkerNoticeMs;
  }

  /** How long runs may wait for a worker: agents with a limit of their own, and the one of all others. */
  queueTimeouts(): { defaultMs: number; agents: string[]; limitsMs: number[] } {
    const own = [...this.agents.values()].flatMap(({ name, queueTimeoutMs }) =>
      queueTimeoutMs === undefined ? [] : [{ name, queueTimeoutMs }],
    );
    return {
      defaultMs: this.config.agents.queueTimeoutMs,
      agents: own.map(({ name }) => name),
      limitsMs: own.map(({ queueTimeoutMs }) => queueTimeoutMs),
    };
  }

  private candidates(): Candidate[] {
    return this.discovery.getProviders().flatMap((wrapper) => {
      const singleton = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
      return asAgents(wrapper.instance).map((agent) => ({ agent, singleton }));
    });
  }
}

// By instance, not by class: a factory provider that gives null (an agent switched off) is no agent.
function asAgents(instance: unknown): RegisteredAgent[] {
  if (typeof instance !== 'object' || instance === null) return [];
  if (instance instanceof AgentSource) return instance.agents();
  // Own metadata: a subclass without a decorator is not a second agent of its parent's name.
  const options = Reflect.getOwnMetadata(AGENT_METADATA, instance.constructor) as AgentOptions | undefined;
  return options === undefined ? [] : [{ ...options, runner: instance as AgentRunner }];
}

function fallbackProblems(candidates: readonly Candidate[], configured: string | undefined): ConfigurationProblem[] {
  const names = candidates.map(({ agent }) => agent.name);
  const wanted = [
    { name: 'FALLBACK_AGENT', found: configured },
    ...candidates.map(({ agent }) => ({ name: `fallback of agent ${agent.name}`, found: agent.fallback })),
  ];
  return wanted.flatMap(({ name, found }) =>
    found === undefined || names.includes(found) ? [] : [{ name, found, allowed: names.join(', ') }],
  );
}

function problemsOf({ agent, singleton }: Candidate, earlier: Candidate[]): ConfigurationProblem[] {
  const className = agent.runner.constructor.name;
  const name = `@Agent of ${className}`;
  const problems: ConfigurationProblem[] = [];
  if (!AGENT_NAME_PATTERN.test(agent.name)) {
    problems.push({ name, found: agent.name, allowed: `a name that matches ${AGENT_NAME_PATTERN.source}` });
  }
  if (typeof agent.runner.run !== 'function') problems.push({ name, found: 'no method run', allowed: 'run(ctx)' });
  const { concurrency = 1 } = agent;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    problems.push({ name, found: `concurrency ${concurrency}`, allowed: 'a whole number from 1' });
  }
  if (!singleton) problems.push({ name, found: 'a request-scoped or transient provider', allowed: 'a singleton' });
  const twin = earlier.find((other) => other.agent.name === agent.name);
  if (twin) {
    const allowed = `a name that no other provider has (${twin.agent.runner.constructor.name} has it)`;
    problems.push({ name, found: agent.name, allowed });
  }
  return problems;
}
