import { Injectable } from '@nestjs/common';
import { classify, ComponentError } from '../errors';
import { MailboxCanary } from '../mailbox';
import { type HealthFinding, HealthIndicator, MetricsRegistry } from '../telemetry';
import { Connections } from './connections.service';
import { RecentFailures } from './recent-failures';

/** An event comes into a mailbox, over the live channel and out of the log again, and hardly any delivery failed lately. */
@Injectable()
export class BridgeIndicator extends HealthIndicator {
  override readonly component = 'bridge';
  private readonly recent: RecentFailures;

  constructor(
    private readonly canary: MailboxCanary,
    private readonly connections: Connections,
    metrics: MetricsRegistry,
  ) {
    super();
    this.recent = new RecentFailures(metrics, ['EVENT_DELIVERY_FAILED', 'MAILBOX_UNAVAILABLE', 'BACKPRESSURE']);
  }

  override async check(): Promise<HealthFinding> {
    const details = { connections: this.connections.count };
    try {
      await this.canary.fly();
    } catch (cause) {
      return { ...this.broken(classify(cause, 'WebSocketBridge')), details };
    }
    return this.recent.judge(details);
  }

  /** Only the database keeps a check waiting. */
  override unanswered(): HealthFinding {
    return this.broken(ComponentError.database('DATABASE_TIMEOUT'));
  }

  private broken(cause: ComponentError): HealthFinding {
    const { component } = cause.definition;
    if (component === 'Database') {
      const problem = this.canary.stage === 'read' ? 'The log of events cannot be read' : 'No event can be stored';
      return { status: 'failed', problem, suggestion: 'see the component database', cause };
    }
    if (component === 'Redis') {
      // Every connection compares itself with the log: what is not heard of comes seconds late.
      const problem = 'Events of other processes come late: what is published does not come back from Redis';
      return { status: 'degraded', problem, suggestion: 'see the component redis', cause };
    }
    const problem = 'What is published does not arrive, or not in the log';
    return { status: 'failed', problem, suggestion: 'restart this process if it stays so', cause };
  }
}
