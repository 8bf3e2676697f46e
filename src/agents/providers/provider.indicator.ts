import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config';
import { type HealthFinding, HealthIndicator } from '../../telemetry';
import { McpServers } from '../tools/mcp/mcp-servers.service';
import { ProviderProbe } from './provider-probe';

const LOOK_AGAIN_MS = 25;

/** What agents need from outside: the model provider, by a probe of its own pace, and the servers of tools. */
@Injectable()
export class ProviderIndicator extends HealthIndicator {
  override readonly component = 'provider';

  constructor(
    private readonly config: AppConfig,
    private readonly probe: ProviderProbe,
    private readonly servers: McpServers,
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
    const away = this.servers.away();
    if (away.length === 0) return { status: 'healthy', details };
    const problem = `Tools are away, of ${away.map(({ name }) => name).join(', ')}`;
    const suggestion = 'look for mcp.connect in the log';
    return { status: 'degraded', details, problem, suggestion, cause: away[0]?.failure };
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
