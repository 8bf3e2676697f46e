import type { Ack } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { ComponentError } from '../errors';
import { type HealthFinding, HealthIndicator, MetricsRegistry } from '../telemetry';
import { ClientRequests } from './client-requests.service';
import { RecentFailures } from './recent-failures';
import { RequestDispatcher } from './request-dispatcher.service';
import type { Caller } from './session';

const NOBODY: Caller = {
  principal: {
    user_id: '',
    scopes: new Set(),
    admin: false,
    expires_at: new Date(0),
    issued_at: null,
    token_id: null,
    token_sha256: '',
    email: null,
  },
  options: { device_id: 'health', ack: 'auto', locale: 'en', source: 'health' },
  emitError: () => undefined,
  acknowledge: (cursor) => Promise.resolve({ cursor }),
  renew: () => undefined,
};

/** A request goes the way of every request and is answered, and hardly any failed for a fault of ours lately. */
@Injectable()
export class HandlerIndicator extends HealthIndicator {
  override readonly component = 'handler';
  private readonly recent: RecentFailures;

  constructor(
    private readonly dispatcher: RequestDispatcher,
    private readonly requests: ClientRequests,
    metrics: MetricsRegistry,
  ) {
    super();
    this.recent = new RecentFailures(metrics, ['ACK_TIMEOUT', 'INTERNAL_ERROR']);
  }

  override async check(): Promise<HealthFinding> {
    const details = { events: Object.keys(this.requests.handlers) };
    const answers: Ack[] = [];
    await this.dispatcher.dispatch(NOBODY, 'health_check', [{}, (ack: Ack) => answers.push(ack)]);
    const [answer] = answers;
    if (answers.length === 1 && answer?.ok === true) return this.recent.judge(details);
    const problem = `A request got ${answers.length} answers, ${answer?.ok === false ? answer.error.reason : 'no refusal'}`;
    const suggestion = 'look for socket.health_check in the log';
    return { status: 'failed', details, problem, suggestion };
  }

  override unanswered(): HealthFinding {
    const cause = ComponentError.messageHandler('ACK_TIMEOUT', { details: { event: 'health_check' } });
    const suggestion = 'look for what keeps the event loop busy';
    return { status: 'failed', problem: 'A request is not answered', suggestion, cause };
  }
}
