import type { AppConfig } from '../../config';
import type { OutboundHttp } from '../../outbound';
import { type AlertNotice, cut } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';

const MAX_SUMMARY = 1_024;
const MAX_DEDUP_KEY = 255;
const EVENTS = { trigger: 'trigger', repeat: 'trigger', acknowledge: 'acknowledge', resolve: 'resolve' } as const;

/** PagerDuty, Events API v2. A resolve needs the routing key of its trigger, which is the target. */
export class PagerDutyChannel implements AlertChannel {
  readonly name = 'pagerduty';
  readonly paceMs = 500;

  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly http: OutboundHttp,
  ) {}

  get target(): string | null {
    return this.settings.pagerdutyRoutingKey ?? null;
  }

  send(notice: AlertNotice, _id: string, target: string | null): Promise<ChannelOutcome> {
    const action = EVENTS[notice.action];
    const common = { routing_key: target, event_action: action, dedup_key: cut(notice.dedup_key, MAX_DEDUP_KEY) };
    const body = action === 'trigger' ? { ...common, client: 'Clarion', payload: payloadOf(notice) } : common;
    return this.http.send({
      url: new URL('/v2/enqueue', this.settings.pagerdutyUrl).href,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }
}

function payloadOf({ summary, source, severity, opened_at, component, group, rule, details }: AlertNotice) {
  const custom_details = details;
  return {
    summary: cut(summary, MAX_SUMMARY),
    source,
    severity,
    timestamp: opened_at,
    component,
    group,
    class: rule,
    custom_details,
  };
}
