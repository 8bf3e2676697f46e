import { Webhook } from 'standardwebhooks';

/** What is sent as a webhook after the Standard Webhooks specification. */
export interface WebhookMessage {
  /** `whsec_` and the key in base64, each: all of them sign, so that a receiver may know any. */
  readonly secrets: readonly string[];
  /** The same for every try at the same message: receivers drop what they have. */
  readonly id: string;
  readonly body: string;
}

/** The headers of a JSON request that prove who sent it, and when this try began. */
export function webhookHeaders({ secrets, id, body }: WebhookMessage, now = new Date()): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}
