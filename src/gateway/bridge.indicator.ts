import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { MailboxStore, UserBus } from '../mailbox';
import { type HealthFinding, HealthIndicator, MetricsRegistry } from '../telemetry';
import { Connections } from './connections.service';
import { RecentFailures } from './recent-failures';

/** No user has an empty id. */
const NOBODY = '';

/** What is published on a live channel arrives, the log can be read, and hardly any delivery failed lately. */
@Injectable()
export class BridgeIndicator extends HealthIndicator {
  override readonly component = 'bridge';
  private readonly recent: RecentFailures;

  constructor(
    private readonly bus: UserBus,
    private readonly mailbox: MailboxStore,
    private readonly connections: Connections,
    metrics: MetricsRegistry,
  ) {
    super();
    this.recent = new RecentFailures(metrics, ['EVENT_DELIVERY_FAILED', 'MAILBOX_UNAVAILABLE', 'BACKPRESSURE']);
  }

  override async check(): Promise<HealthFinding> {
    const details = { connections: this.connections.count };
    await this.published();
    try {
      await this.mailbox.readAfter(NOBODY, 0, 1);
    } catch (cause) {
      const suggestion = 'see the component database';
      return { status: 'failed', details, problem: 'The log of events cannot be read', suggestion, cause };
    }
    return this.recent.judge(details);
  }

  override unanswered(): HealthFinding {
    const cause = ComponentError.webSocketBridge('EVENT_DELIVERY_FAILED');
    const problem = 'What is published does not arrive, or the log does not answer';
    return { status: 'failed', problem, suggestion: 'see the component database; else restart this process', cause };
  }

  /** Resolves when a signal has made its way over the bus. */
  private async published(): Promise<void> {
    const arrived = Promise.withResolvers<void>();
    const subscription = this.bus.subscribe(NOBODY, () => arrived.resolve());
    try {
      this.bus.publish(NOBODY, { kind: 'events', events: [] });
      await arrived.promise;
    } finally {
      subscription.end();
    }
  }
}
