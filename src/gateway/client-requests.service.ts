import { Injectable } from '@nestjs/common';
import type { ClientEventName, RequestPayload, RequestResult } from '@clarion/protocol';
import { MessageIntake, RunEnding, RunRetry, RunStore } from '../agents';
import type { Principal } from '../auth';
import { ComponentError } from '../errors';
import { ConnectionGate } from './connection-gate.service';
import { HealthSnapshot } from './health-snapshot';

/** Answers one kind of request of a verified caller. */
type RequestHandler<N extends ClientEventName> = (
  principal: Principal,
  payload: RequestPayload<N>,
) => Promise<RequestResult<N>>;

export type RequestHandlers = { readonly [N in ClientEventName]?: RequestHandler<N> };

/** What a client may ask, each handed to the feature that answers it. */
@Injectable()
export class ClientRequests {
  readonly handlers: RequestHandlers;

  constructor(
    gate: ConnectionGate,
    intake: MessageIntake,
    ending: RunEnding,
    retry: RunRetry,
    runs: RunStore,
    health: HealthSnapshot,
  ) {
    this.handlers = {
      chat_message: async ({ user_id }, message) => {
        gate.admitMessage(user_id);
        return intake.accept(user_id, message);
      },
      run_cancel: ({ user_id }, { run_id }) => ending.cancel(user_id, run_id),
      run_retry: ({ user_id }, { run_id }) => retry.retry(user_id, run_id),
      run_get: async ({ user_id }, { run_id }) => {
        const run = await runs.view(user_id, run_id);
        if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
        return { run };
      },
      health_check: async ({ admin }) => ({ report: await Promise.resolve(health.report(admin)) }),
    };
  }
}
