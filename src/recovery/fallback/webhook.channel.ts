import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config';
import { type HttpOutcome, OutboundHttp, webhookHeaders } from '../../outbound';
import { type Digest, subjectOf, textOf } from './digest';
import type { FallbackChannel } from './fallback-channel';
import { digestTexts } from './texts';

/** A digest as a signed webhook to FALLBACK_WEBHOOK_URL: an application's own way to its users. */
@Injectable()
export class WebhookChannel implements FallbackChannel {
  readonly name = 'webhook';

  constructor(
    private readonly http: OutboundHttp,
    private readonly config: AppConfig,
  ) {}

  get configured(): boolean {
    return this.config.recovery.webhookUrl !== undefined;
  }

  send(digest: Digest): Promise<HttpOutcome> {
    const { webhookUrl: url = '', webhookSecrets: secrets } = this.config.recovery;
    const body = JSON.stringify(payloadOf(digest));
    return this.http.send({ url, body, headers: webhookHeaders({ secrets, id: digest.id, body }) });
  }
}

/** `type`, `timestamp` and `data`, as Standard Webhooks recommends. */
function payloadOf(digest: Digest): object {
  const { user_id, since, locale, items, omitted } = digest;
  const texts = digestTexts(locale);
  const data = {
    user_id,
    since,
    locale,
    subject: subjectOf(digest, texts),
    text: textOf(digest, texts),
    items,
    omitted,
  };
  return { type: 'user.missed_events', timestamp: new Date().toISOString(), data };
}
