export { OutboundHttp, type HttpOutcome, type OutboundRequest } from './http.service';
export { OutboundMail, type MailOutcome, type OutboundMessage } from './mail.service';
export { OutboundModule } from './outbound.module';
export { type SendFailure, type SendFailureKind } from './outcome';
export { webhookHeaders, type WebhookMessage } from './webhook';
