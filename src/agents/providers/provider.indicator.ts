import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config';
import { describeUnreliable, type HealthFinding, HealthIndicator } from '../../telemetry';
import { ProviderCircuits } from '../provider-circuits.service';
import { McpServers } from '../tools/mcp/mcp-servers.service';
import { PROVIDER } from './model-provider.service';
import { ProviderProbe } from './provider-probe';

const LOOK_AGAIN_MS = 25;

/** What agents need from outside: the model provider, by a probe of its own pace, the servers of tools, and how the calls of runs to them went lately. */
@Injectable()
export class ProviderIndicator extends HealthIndicator {
  override readonly component = 'provider';

  constructor(
    private readonly config: AppConfig,
    private readonly probe: ProviderProbe,
    private readonly servers: McpServers,
    private readonly circuits: ProviderCircuits,
  ) {
    super();
  }

  override async check(signal: AbortSignal): Promise<HealthFinding> {
    if (!this.probe.configured && !this.servers.configured) return { status: 'not_configured' };
    while (this.probe.configured && this.probe.last === null && !signal.aborted) {
      await Promise.allSettled([delay(LOOK_AGAIN_MS, undefined, { signal })]);
    }
    const details = this.details();
    const failure = this.probe.last?.failure;
    if (failure) {
      const suggestion = `see the page of ${failure.reason}`;
      return { status: 'failed', details, problem: failure.message, suggestion, cause: failure };
    }
    return this.unreliable(details) ?? this.tools(details);
  }

  /** It answers the probe, and fails runs. */
  private unreliable(details: Record<string, unknown>): HealthFinding | null {
    const trouble = this.circuits.troubleOf(PROVIDER);
    if (trouble === null) return null;
    const { cause, failing } = trouble;
    const problem = `${describeUnreliable(trouble)}: ${cause.message}`;
    const suggestion = `see the page of ${cause.reason}`;
    return { status: failing ? 'failed' : 'degraded', details, problem, suggestion, cause };
  }

  private tools(details: Record<string, unknown>): HealthFinding {
    const away = this.servers.away();
    const [first] = away;
    if (first === undefined) return { status: 'healthy', details };
    const problem = `Tools are away, of ${away.map(({ name }) => name).join(', ')}`;
    return {
      status: 'degraded',
      details,
      problem,
      suggestion: 'look for mcp.connect in the log',
      cause: first.failure,
    };
  }

  private details(): Record<string, unknown> {
    const { last } = this.probe;
    return {
      model: this.config.llm.model ?? null,
      last_probe: last && { at: last.at.toISOString(), latency_ms: last.latency_ms, status: last.status },
      mcp_servers: this.servers.states(),
    };
  }
}
