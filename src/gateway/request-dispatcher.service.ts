import { Injectable } from '@nestjs/common';
import type { Ack, ClientEventName } from '@clarion/protocol';
import { clientRequestSchemas } from '@clarion/protocol/schemas';
import type { z } from 'zod';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { Tracing } from '../telemetry';
import { ClientRequests } from './client-requests.service';
import { giveUpAfter } from './deadline';
import { GatewayMetrics } from './gateway-metrics';
import { parse } from './parse';
import { guardPayload } from './payload-guard';
import type { Caller, RequestHandlers } from './session';
import { UNDECODABLE } from './tolerant-parser';

type Answer = (ack: Ack) => void;
type AnyHandler = (caller: Caller, payload: unknown) => Promise<object>;

/** Answers every event of a client exactly once: from its handler, with a coded error, or with ACK_TIMEOUT at the deadline. */
@Injectable()
export class RequestDispatcher {
  private readonly handlers: RequestHandlers;
  private readonly deadlineMs: number;

  constructor(
    requests: ClientRequests,
    private readonly reporter: FailureReporter,
    config: AppConfig,
    private readonly metrics: GatewayMetrics,
    private readonly tracing: Tracing,
  ) {
    this.handlers = requests.handlers;
    this.deadlineMs = config.gateway.ackDeadlineMs;
  }

  /** `dispatch` for what came from a socket: the beginning of a trace. */
  receive(caller: Caller, event: string, args: readonly unknown[]): Promise<void> {
    const options = { kind: 'SERVER', fields: { user_id: caller.principal.user_id } } as const;
    return this.tracing.root(`socket ${knownName(event) ?? 'unknown'}`, options, () =>
      this.dispatch(caller, event, args),
    );
  }

  /** `args` as Socket.IO gives them: the payload, then the callback if there is one. */
  async dispatch(caller: Caller, event: string, args: readonly unknown[]): Promise<void> {
    const last = args.at(-1);
    const callback = typeof last === 'function' ? (last as Answer) : null;
    const payload = callback ? args.slice(0, -1) : args;
    const begun = performance.now();
    const answer = answerOnce(callback, (outcome) =>
      this.metrics.answered(knownName(event), outcome, (performance.now() - begun) / 1000),
    );
    const deadline = setTimeout(() => {
      const error = ComponentError.messageHandler('ACK_TIMEOUT', {
        details: { event: knownName(event), timeout_ms: this.deadlineMs },
      });
      void this.fail(caller, event, error, answer);
    }, giveUpAfter(this.deadlineMs));
    try {
      const result = await this.handle(caller, event, payload);
      if (callback) answer({ ok: true, ...result } as Ack);
      else answer(null);
    } catch (error) {
      await this.fail(caller, event, error, answer);
    } finally {
      clearTimeout(deadline);
    }
  }

  private async handle(caller: Caller, event: string, payload: readonly unknown[]): Promise<object> {
    if (event === UNDECODABLE)
      throw ComponentError.messageHandler('PACKET_INVALID', { details: { problem: payload[0] } });
    guardPayload(payload);
    if (event === 'error') throw ComponentError.messageHandler('CLIENT_ERROR_EVENT');
    const name = knownName(event);
    const handler = name === null ? undefined : (this.handlers[name] as AnyHandler | undefined);
    if (name === null || handler === undefined)
      throw ComponentError.messageHandler('EVENT_UNKNOWN', { details: { event: event.slice(0, 64) } });
    if (payload.length > 1)
      throw ComponentError.messageHandler('PAYLOAD_INVALID', {
        details: { event: name, issues: ['more than one argument'] },
      });
    const schema: z.ZodType = clientRequestSchemas[name];
    return handler(caller, parse(schema, payload[0] ?? {}, 'PAYLOAD_INVALID'));
  }

  private async fail(
    caller: Caller,
    event: string,
    error: unknown,
    answer: ReturnType<typeof answerOnce>,
  ): Promise<void> {
    const { principal, options } = caller;
    const failure = await this.reporter.report(error, {
      operation: `socket.${knownName(event) ?? 'unknown'}`,
      component: 'MessageHandler',
      user_id: principal.user_id,
      source: options.source,
      locale: options.locale,
    });
    if (answer({ ok: false, error: failure.error }) === 'nobody') caller.emitError(failure.envelope);
  }
}

/** Lets the first answer through. `nobody`: it was the first, but there is no callback to take it. */
function answerOnce(
  callback: Answer | null,
  answered: (outcome: 'ok' | 'failed') => void,
): (ack: Ack | null) => 'answered' | 'late' | 'nobody' {
  let open = true;
  return (ack) => {
    if (!open) return 'late';
    open = false;
    answered(ack?.ok === false ? 'failed' : 'ok');
    if (callback === null) return 'nobody';
    if (ack !== null) callback(ack);
    return 'answered';
  };
}

function knownName(event: string): ClientEventName | null {
  return Object.hasOwn(clientRequestSchemas, event) ? (event as ClientEventName) : null;
}
