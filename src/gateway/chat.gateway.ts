import { Injectable, Logger } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayInit } from '@nestjs/websockets';
import type { ErrorEnvelope } from '@clarion/protocol';
import type { Server } from 'socket.io';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import { Tracing } from '../telemetry';
import { Connections } from './connections.service';
import { giveUpAfter } from './deadline';
import { GatewayMetrics } from './gateway-metrics';
import { HandshakeService } from './handshake.service';
import type { Admission, Beginning, ClientSocket } from './session';
import { type Stage, StageClock } from './stage-clock';

/** Every namespace but the default one, which is registered under its own name. */
const FOREIGN_NAMESPACE = /./;

/** A refusal at connecting: Socket.IO sends `message` and `data` to the client as `connect_error`. */
class Refusal extends Error {
  constructor(
    reason: string,
    readonly data: ErrorEnvelope,
  ) {
    super(reason);
  }
}

/** Names what kept the handshake: in these stages there is one thing that can. */
function tooLate(stage: Stage, timeout_ms: number): ComponentError {
  const details = { stage, timeout_ms };
  if (stage === 'mailbox') return ComponentError.database('DATABASE_TIMEOUT', { details });
  if (stage === 'token') return ComponentError.authentication('AUTH_SERVICE_TIMEOUT', { details });
  return ComponentError.factory('HANDSHAKE_TIMEOUT', { details });
}

/** The Socket.IO edge: admits connections in middleware, before they exist, and hands those admitted on. */
@Injectable()
@WebSocketGateway()
export class ChatGateway implements OnGatewayInit<Server> {
  private readonly logger = new Logger(ChatGateway.name);

  constructor(
    private readonly handshake: HandshakeService,
    private readonly connections: Connections,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
    private readonly metrics: GatewayMetrics,
    private readonly tracing: Tracing,
  ) {}

  afterInit(server: Server): void {
    server.use((socket: ClientSocket, next) => void this.admitTraced(socket).then((refusal) => next(refusal)));
    server.of(FOREIGN_NAMESPACE).use((socket: ClientSocket, next) => void this.refuseNamespace(socket).then(next));
    server.on('connection', (socket: ClientSocket) => this.connections.open(socket));
    server.engine.on('connection_error', ({ code, message }: { code: number; message: string }) =>
      this.logger.debug({ code }, `Refused a transport: ${message}`),
    );
  }

  private admitTraced(socket: ClientSocket): Promise<Refusal | undefined> {
    return this.tracing.root('socket handshake', { kind: 'SERVER' }, () => this.admit(socket));
  }

  private async admit(socket: ClientSocket): Promise<Refusal | undefined> {
    const clock = new StageClock();
    try {
      if (!this.config.server.servesClients) throw ComponentError.factory('NOT_A_GATEWAY');
      socket.data.admission = await this.withinTime(socket, clock);
      this.metrics.admitted(clock.seconds);
      this.logger.log({ user_id: clock.userId, stages: clock.durations }, 'Admitted a connection');
      return undefined;
    } catch (error) {
      return this.refuse(socket, clock, error);
    }
  }

  private refuseNamespace(socket: ClientSocket): Promise<Refusal> {
    const issues = [{ path: 'namespace', code: 'unknown' }];
    return this.refuse(
      socket,
      new StageClock('session'),
      ComponentError.factory('HANDSHAKE_INVALID', { details: { issues } }),
    );
  }

  private async withinTime(socket: ClientSocket, clock: StageClock): Promise<Admission & Beginning> {
    const limitMs = this.config.gateway.handshakeTimeoutMs;
    const controller = new AbortController();
    const timedOut = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = tooLate(clock.current, limitMs);
      controller.abort(error);
      timedOut.reject(error);
    }, giveUpAfter(limitMs));
    try {
      return await Promise.race([this.handshake.admit(socket, clock, controller.signal), timedOut.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async refuse(socket: ClientSocket, clock: StageClock, error: unknown): Promise<Refusal> {
    const { auth, address } = socket.handshake;
    const locale: unknown = auth['locale'];
    const failure = await this.reporter.report(error, {
      operation: `handshake.${clock.current}`,
      component: 'Factory',
      user_id: clock.userId,
      source: address,
      ...(typeof locale === 'string' ? { locale: locale.slice(0, 64) } : {}),
    });
    this.metrics.refused(failure.cause.reason, clock.seconds);
    this.logger.log(
      { stage: clock.current, stages: clock.durations, support_code: failure.support_code },
      'Refused a connection',
    );
    // After a refusal a plain client stays away. This one has only come too early: a closed transport makes it try again.
    if (failure.cause.reason === 'SERVER_DRAINING') socket.conn.close();
    return new Refusal(failure.error.reason, failure.envelope);
  }
}
