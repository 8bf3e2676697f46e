import { Injectable } from '@nestjs/common';
import { classify } from '../errors';
import { type HealthFinding, HealthIndicator, MetricsRegistry } from '../telemetry';
import { ConnectionGate } from './connection-gate.service';
import { RecentFailures } from './recent-failures';

/** Connections are admitted, and hardly any could not be set up lately. */
@Injectable()
export class FactoryIndicator extends HealthIndicator {
  override readonly component = 'factory';
  private readonly recent: RecentFailures;

  constructor(
    private readonly gate: ConnectionGate,
    metrics: MetricsRegistry,
  ) {
    super();
    this.recent = new RecentFailures(metrics, ['SESSION_SETUP_FAILED', 'HANDSHAKE_TIMEOUT']);
  }

  override async check(): Promise<HealthFinding> {
    const details = { connections: this.gate.connectionCount, limits: this.gate.limits };
    try {
      this.gate.assertOpen();
    } catch (error) {
      const cause = classify(error, 'Factory');
      const suggestion = 'if it is shutting down, nothing; else restart this process';
      return { status: 'failed', details, problem: `No connection is admitted (${cause.reason})`, suggestion, cause };
    }
    return this.recent.judge(details);
  }
}
