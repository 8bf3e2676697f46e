import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { BackgroundTask } from '../errors';
import { OutboundHttp } from '../outbound';

/** Calls ALERT_HEARTBEAT_URL every minute. It does so by what alerts need: database, queues, workers, network. When those are dead, it stops. */
@Injectable()
export class AlertHeartbeat extends BackgroundTask {
  override readonly name = 'alerts.heartbeat';
  override readonly schedule = { everyMs: 60_000 };

  constructor(
    private readonly config: AppConfig,
    private readonly http: OutboundHttp,
  ) {
    super();
  }

  override async run(): Promise<void> {
    const { heartbeatUrl: url } = this.config.alerts;
    if (url === undefined) return;
    const outcome = await this.http.send({ url, method: 'GET' });
    if (outcome.sent) return;
    const { kind, status, detail } = outcome;
    throw new Error(`The heartbeat was not taken: ${kind} ${status ?? ''} ${detail}`);
  }
}
