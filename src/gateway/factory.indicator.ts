import { randomUUID } from 'node:crypto';
import { handshakeAuthSchema } from '@clarion/protocol/schemas';
import { Injectable } from '@nestjs/common';
import { classify } from '../errors';
import { type HealthFinding, HealthIndicator, MetricsRegistry } from '../telemetry';
import { ConnectionGate } from './connection-gate.service';
import { parse } from './parse';
import { RecentFailures } from './recent-failures';

/** A handshake is read and gets a place, which it gives back, and hardly any could not be set up lately. */
@Injectable()
export class FactoryIndicator extends HealthIndicator {
  override readonly component = 'factory';
  private readonly recent: RecentFailures;
  /** Nobody whom a token names; another one in every process, so that none takes the place of another. */
  private readonly user = `health-check ${randomUUID()}`;

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
      parse(handshakeAuthSchema, { token: 'health-check', protocol: 1 }, 'HANDSHAKE_INVALID');
      const giveBack = await this.gate.admit(this.user);
      giveBack();
    } catch (error) {
      const cause = classify(error, 'Factory');
      const suggestion = 'if it is shutting down, nothing; else restart this process';
      return { status: 'failed', details, problem: `No connection is admitted (${cause.reason})`, suggestion, cause };
    }
    return this.recent.judge(details);
  }
}
