import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { AppConfig, CHANNEL_NAMES } from '../../config';
import { OutboundHttp, OutboundMail } from '../../outbound';
import type { AlertNotice } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';
import { EmailChannel } from './email.channel';
import { OPSGENIE_ENDS, OpsgenieChannel } from './opsgenie.channel';
import { PagerDutyChannel } from './pagerduty.channel';
import { SlackChannel } from './slack.channel';
import { WebhookChannel } from './webhook.channel';

/** The channels of this deployment, in the order in which they stand in for each other, each at its pace. */
@Injectable()
export class AlertChannels implements OnApplicationBootstrap {
  private readonly logger = new Logger('alerts');
  private readonly channels: ReadonlyMap<string, AlertChannel>;
  private readonly free = new Map<string, number>();

  constructor(
    private readonly config: AppConfig,
    http: OutboundHttp,
    mail: OutboundMail,
  ) {
    const { alerts } = config;
    const all: readonly AlertChannel[] = [
      new PagerDutyChannel(alerts, http),
      new OpsgenieChannel(alerts, http),
      new SlackChannel(alerts, http),
      new EmailChannel(alerts, mail),
      new WebhookChannel(alerts, http),
    ];
    this.channels = new Map(all.map((channel) => [channel.name, channel]));
  }

  onApplicationBootstrap(): void {
    if (!this.names.includes('opsgenie')) return;
    this.logger.warn({ ends: OPSGENIE_ENDS }, 'Opsgenie ends: give ALERT_CHANNELS another channel before that day');
  }

  /** Those that are configured, first choice first. */
  get names(): readonly string[] {
    return this.config.alerts.channels;
  }

  /** The one that stands in for a channel; undefined where none is left. */
  after(name: string): string | undefined {
    return this.names[this.names.indexOf(name) + 1];
  }

  targetOf(name: string): string | null {
    return this.channels.get(name)?.target ?? null;
  }

  /** Waits for the channel's turn, then sends. Never rejects. */
  async send(name: string, notice: AlertNotice, id: string, target = this.targetOf(name)): Promise<ChannelOutcome> {
    const channel = this.channels.get(name);
    if (channel === undefined) return unknown(name);
    const now = Date.now();
    const turn = Math.max(now, this.free.get(name) ?? 0);
    this.free.set(name, turn + channel.paceMs);
    if (turn > now) await delay(turn - now);
    return channel.send(notice, id, target);
  }
}

function unknown(name: string): ChannelOutcome {
  const detail = `${name} is none of ${CHANNEL_NAMES.join(', ')}`;
  return { sent: false, kind: 'rejected', retryable: false, retryAfterMs: null, status: null, detail };
}
