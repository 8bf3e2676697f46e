import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../telemetry';
import type { AlertState } from './lifecycle';

/** What alerting does. */
@Injectable()
export class AlertMetrics {
  private readonly messages: Counter<'channel' | 'outcome'>;
  private readonly open: Gauge<'rule'>;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.messages = new Counter({
      name: 'clarion_alert_messages_total',
      help: 'Attempts to send messages about alerts, by channel and outcome: sent, failed.',
      labelNames: ['channel', 'outcome'],
      registers,
    });
    this.open = new Gauge({
      name: 'clarion_alerts_open',
      help: 'Alerts that somebody was told of and that are not over, by rule.',
      labelNames: ['rule'],
      registers,
    });
  }

  sent(channel: string, sent: boolean): void {
    this.messages.inc({ channel, outcome: sent ? 'sent' : 'failed' });
  }

  firing(alerts: readonly AlertState[]): void {
    this.open.reset();
    for (const { rule, status } of alerts) if (status === 'firing') this.open.inc({ rule });
  }
}
