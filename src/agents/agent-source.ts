import type { AgentOptions, AgentRunner } from './agent';

export interface RegisteredAgent extends AgentOptions {
  runner: AgentRunner;
}

/** A provider that brings agents which no class stands for, because the configuration says how many there are. The registry finds it at start. */
export abstract class AgentSource {
  abstract agents(): RegisteredAgent[];
}
