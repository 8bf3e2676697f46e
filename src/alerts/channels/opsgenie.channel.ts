import type { AppConfig } from '../../config';
import type { OutboundHttp } from '../../outbound';
import { type AlertNotice, cut, factsOf } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';

const MAX_MESSAGE = 130;
const MAX_DESCRIPTION = 15_000;
const MAX_SOURCE = 100;
const PRIORITY = { critical: 'P1', error: 'P2', warning: 'P3', info: 'P5' } as const;

/** When Opsgenie is switched off by its maker. */
export const OPSGENIE_ENDS = '2027-04-05';

/** Opsgenie, Alert API. */
export class OpsgenieChannel implements AlertChannel {
  readonly name = 'opsgenie';
  readonly paceMs = 200;
  readonly target = null;

  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly http: OutboundHttp,
  ) {}

  send(notice: AlertNotice): Promise<ChannelOutcome> {
    const alias = cut(notice.dedup_key, 512);
    const about = `/v2/alerts/${encodeURIComponent(alias)}`;
    const by = { source: cut(notice.source, MAX_SOURCE) };
    switch (notice.action) {
      case 'acknowledge':
        return this.post(`${about}/acknowledge?identifierType=alias`, { ...by, note: notice.acknowledged_by });
      case 'resolve':
        return this.post(`${about}/close?identifierType=alias`, by);
      case 'trigger':
      case 'repeat':
        return this.post('/v2/alerts', {
          ...by,
          alias,
          message: cut(notice.summary, MAX_MESSAGE),
          description: cut(factsOf(notice), MAX_DESCRIPTION),
          priority: PRIORITY[notice.severity],
          entity: notice.component,
        });
    }
  }

  private post(path: string, body: object): Promise<ChannelOutcome> {
    const { opsgenieUrl, opsgenieApiKey = '' } = this.settings;
    return this.http.send({
      url: new URL(path, opsgenieUrl).href,
      headers: { 'content-type': 'application/json', authorization: `GenieKey ${opsgenieApiKey}` },
      body: JSON.stringify(body),
    });
  }
}
