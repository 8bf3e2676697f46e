import { randomUUID } from 'node:crypto';
import type { ComponentDetail } from '@clarion/protocol';
import { loadConfig } from '../config';
import { classify, type Failure, type FailureContext, FailureFeed, FailureReporter } from '../errors';
import { OutboundHttp, OutboundMail } from '../outbound';
import { AuditStore, type Database } from '../persistence';
import { RedisConnections } from '../redis';
import { MetricsRegistry } from '../telemetry';
import { AlertBook } from './alert-book.service';
import { AlertEngine } from './alert-engine.service';
import { AlertFacts } from './alert-facts.service';
import { AlertMetrics } from './alert-metrics';
import { AlertStore } from './alert.store';
import { AlertCanary } from './alert-canary.service';
import { AlertsIndicator } from './alerts.indicator';
import { Alerts } from './alerts.service';
import { AlertChannels } from './channels/channels.service';
import { AlertDeliveries } from './deliveries.service';
import { DeliveryQueue } from './delivery-queue';
import { DeliveryStore } from './delivery.store';
import { OutageAlerts } from './outage-alerts.service';
import { OutageTurns } from './outage-turns.service';
import { AlertOutbox } from './outbox.task';
import { RecentSeriousFailures } from './recent-failures';
import { SilenceStore } from './silence.store';

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

const NO_REDIS = new RedisConnections({ url: undefined, commandTimeoutMs: 1_000 });

class Reporter extends FailureReporter {
  readonly reasons: string[] = [];

  override async report(thrown: unknown, { component }: FailureContext): Promise<Failure> {
    const cause = classify(thrown, component);
    this.reasons.push(cause.reason);
    return { cause, support_code: `${cause.reason}_${this.reasons.length}` } as Failure;
  }
}

/** Gives messages back at once, or says that there is no queue. */
class TestQueue extends DeliveryQueue {
  mode: 'deliver' | 'forget' | 'refuse' = 'deliver';
  deliver: (id: string) => Promise<void> = async () => undefined;
  private jobs: Promise<void>[] = [];

  override async enqueue(ids: readonly string[]): Promise<void> {
    if (this.mode === 'refuse') throw new Error('no queue');
    if (this.mode === 'deliver') this.jobs.push(...ids.map((id) => this.deliver(id)));
  }

  async idle(): Promise<void> {
    while (this.jobs.length > 0) await Promise.all(this.jobs.splice(0));
  }
}

interface NodeOptions {
  readonly database: Database;
  readonly dataDir: string;
  /** Of the peer that every channel talks to. */
  readonly origin: string;
  readonly health: () => Record<string, ComponentDetail>;
  readonly environment: Record<string, string>;
  /** Default: a deployment without Redis. */
  readonly redis?: RedisConnections;
}

/** A process that alerts, without the clock: each `look` is a look of the engine, at a time of its own while the database is away. */
export function createAlertNode({ database, dataDir, origin, health, environment, redis = NO_REDIS }: NodeOptions) {
  const config = loadConfig({
    DATA_DIR: dataDir,
    ALERT_WAIT_MS: '0',
    ALERT_CHANNELS: 'webhook',
    ALERT_WEBHOOK_URL: `${origin}/webhook`,
    ALERT_WEBHOOK_SECRET: SECRET,
    PAGERDUTY_ROUTING_KEY: 'R'.repeat(32),
    PAGERDUTY_URL: origin,
    OUTBOUND_PRIVATE_ADDRESSES: '1',
    OUTBOUND_TIMEOUT_MS: '500',
    ...environment,
  });
  const [reporter, queue, feed] = [new Reporter(), new TestQueue(), new FailureFeed()];
  const metrics = new AlertMetrics(new MetricsRegistry());
  const channels = new AlertChannels(config, new OutboundHttp(config.outbound), new OutboundMail(config.outbound));
  const [store, outbox] = [new AlertStore(database), new DeliveryStore(database)];
  const deliveries = new AlertDeliveries(outbox, channels, queue, reporter, metrics, config);
  queue.deliver = async (id) => void (await deliveries.deliver(id, { jobId: randomUUID(), attempt: 5, attempts: 5 }));
  const book = new AlertBook(store, outbox, channels, config);
  const outage = new OutageAlerts(config, channels, reporter, metrics, new OutageTurns(redis, reporter));
  const facts = new AlertFacts(store, { details: health }, new RecentSeriousFailures(feed));
  const engine = new AlertEngine(store, facts, book, outage, deliveries, config);
  const alerts = new Alerts(store, book, new SilenceStore(database), deliveries, new AuditStore(database));
  const look = async () => {
    await engine.evaluate();
    await queue.idle();
  };
  const indicator = new AlertsIndicator(channels, outbox, database, new AlertCanary(store, book, outbox, channels));
  const sweep = new AlertOutbox(outbox, deliveries);
  return { look, alerts, reporter, queue, feed, indicator, outage, deliveries, sweep };
}
