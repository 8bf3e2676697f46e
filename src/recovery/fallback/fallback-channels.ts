import { Injectable } from '@nestjs/common';
import { EmailChannel } from './email.channel';
import type { ChannelName, FallbackChannel } from './fallback-channel';
import { WebhookChannel } from './webhook.channel';

/** The channels there are. */
@Injectable()
export class FallbackChannels {
  /** Those that settings open. */
  readonly configured: readonly ChannelName[];
  private readonly all: Readonly<Record<ChannelName, FallbackChannel>>;

  constructor(webhook: WebhookChannel, email: EmailChannel) {
    this.all = { webhook, email };
    this.configured = [webhook, email].filter(({ configured }) => configured).map(({ name }) => name);
  }

  get(name: ChannelName): FallbackChannel {
    return this.all[name];
  }
}
