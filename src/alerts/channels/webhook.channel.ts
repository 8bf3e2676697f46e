import type { AppConfig } from '../../config';
import { type OutboundHttp, webhookHeaders } from '../../outbound';
import type { AlertNotice } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';

/** A signed webhook: `{type: 'alert.trigger', timestamp, data}` after Standard Webhooks. */
export class WebhookChannel implements AlertChannel {
  readonly name = 'webhook';
  readonly paceMs = 0;

  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly http: OutboundHttp,
  ) {}

  get target(): string | null {
    return this.settings.webhookUrl ?? null;
  }

  send(notice: AlertNotice, id: string, target: string | null): Promise<ChannelOutcome> {
    const body = JSON.stringify({ type: `alert.${notice.action}`, timestamp: notice.opened_at, data: notice });
    const headers = webhookHeaders({ secrets: this.settings.webhookSecrets, id, body });
    return this.http.send({ url: target ?? '', headers, body });
  }
}
