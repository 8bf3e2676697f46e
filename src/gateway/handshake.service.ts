import { Injectable } from '@nestjs/common';
import type { AcceptedHandshake } from '@clarion/protocol';
import { handshakeAuthSchema } from '@clarion/protocol/schemas';
import { TokenVerifier, type Principal } from '../auth';
import { ComponentError } from '../errors';
import { UserBus } from '../mailbox';
import { ConnectionGate } from './connection-gate.service';
import { MailboxReader } from './mailbox-reader.service';
import { parse } from './parse';
import { guardPayload } from './payload-guard';
import { Inbox, type Admission, type ClientSocket, type ConnectionOptions } from './session';
import type { StageClock } from './stage-clock';

const TOKEN_PARAMETERS = ['token', 'access_token', 'auth', 'authorization', 'jwt'];
const DEFAULT_LOCALE = 'en';

/** The pipeline of connecting: origin, token, session, mailbox, join. Everything here happens before the connection exists. */
@Injectable()
export class HandshakeService {
  constructor(
    private readonly gate: ConnectionGate,
    private readonly verifier: TokenVerifier,
    private readonly bus: UserBus,
    private readonly mailbox: MailboxReader,
  ) {}

  /** @throws ComponentError; `clock.current` is the stage that failed */
  async admit(socket: ClientSocket, clock: StageClock, signal: AbortSignal): Promise<Admission> {
    await clock.run('origin', () => this.checkOrigin(socket));
    const { principal, handshake } = await clock.run('token', () => this.verifyToken(socket, signal));
    const releases: (() => void)[] = [];
    const release = (): void => releases.splice(0).forEach((undo) => undo());
    socket.conn.once('close', release);
    try {
      releases.push(await clock.run('session', () => this.gate.admit(principal.user_id)));
      const inbox = new Inbox();
      releases.push(this.bus.subscribe(principal.user_id, (message) => inbox.accept(message)));
      const { resume, runs } = await clock.run('mailbox', () => this.mailbox.read(principal.user_id, handshake));
      return await clock.run('join', () => {
        assertOpen(socket, signal);
        return { principal, options: optionsOf(socket, handshake), resume, runs, inbox, release };
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  private checkOrigin(socket: ClientSocket): void {
    const { origin, host } = socket.handshake.headers;
    if (!this.gate.origins.accepts(origin, host))
      throw ComponentError.factory('ORIGIN_NOT_ALLOWED', { details: { origin } });
  }

  private async verifyToken(
    socket: ClientSocket,
    signal: AbortSignal,
  ): Promise<{ principal: Principal; handshake: AcceptedHandshake }> {
    const { query, auth } = socket.handshake;
    if (TOKEN_PARAMETERS.some((name) => query[name] !== undefined))
      throw ComponentError.authentication('AUTH_TOKEN_IN_URL');
    guardPayload(auth);
    const handshake = parse(handshakeAuthSchema, auth, 'HANDSHAKE_INVALID');
    return { principal: await this.verifier.verify(handshake.token, signal), handshake };
  }
}

function optionsOf(socket: ClientSocket, { device_id, ack, locale }: AcceptedHandshake): ConnectionOptions {
  return { device_id, ack, locale: locale ?? DEFAULT_LOCALE, source: socket.handshake.address };
}

function assertOpen(socket: ClientSocket, signal: AbortSignal): void {
  signal.throwIfAborted();
  if (socket.conn.readyState !== 'open')
    throw ComponentError.factory('SESSION_SETUP_FAILED', { details: { stage: 'join' } });
}
