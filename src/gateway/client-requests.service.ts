import { Injectable } from '@nestjs/common';
import { MessageIntake } from '../agents';
import { TokenVerifier } from '../auth';
import { ConnectionGate } from './connection-gate.service';
import { HealthSnapshot } from './health-snapshot';
import { RunRequests } from './run-requests.service';
import type { RequestHandlers } from './session';
import { ThreadRequests } from './thread-requests.service';

/** What a client may ask, each handed to the feature that answers it. */
@Injectable()
export class ClientRequests {
  readonly handlers: RequestHandlers;

  constructor(
    gate: ConnectionGate,
    intake: MessageIntake,
    runs: RunRequests,
    threads: ThreadRequests,
    health: HealthSnapshot,
    verifier: TokenVerifier,
  ) {
    this.handlers = {
      chat_message: async ({ principal: { user_id } }, message) => {
        await gate.admitMessage(user_id);
        return intake.accept(user_id, message);
      },
      events_ack: (caller, { cursor }) => caller.acknowledge(cursor),
      ...runs.handlers,
      ...threads.handlers,
      auth_refresh: async (caller, { token }) => {
        const principal = await verifier.verify(token);
        caller.renew(principal, token);
        return { expires_at: principal.expires_at.toISOString() };
      },
      health_check: async ({ principal }) => ({ report: await Promise.resolve(health.report(principal.admin)) }),
    };
  }
}
