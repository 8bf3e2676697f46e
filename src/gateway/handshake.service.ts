import { Injectable } from '@nestjs/common';
import type { AcceptedHandshake } from '@clarion/protocol';
import { handshakeAuthSchema } from '@clarion/protocol/schemas';
import { TokenVerifier, type Principal } from '../auth';
import { classify, ComponentError } from '../errors';
import { UserBus } from '../mailbox';
import { ConnectionGate } from './connection-gate.service';
import { MailboxReader } from './mailbox-reader.service';
import { parse } from './parse';
import { guardPayload } from './payload-guard';
import { Inbox, type Admission, type Beginning, type ClientSocket, type ConnectionOptions } from './session';
import type { StageClock } from './stage-clock';
import { UNDECODABLE } from './tolerant-parser';

const TOKEN_PARAMETERS = ['token', 'access_token', 'auth', 'authorization', 'jwt'];
const DEFAULT_LOCALE = 'en';

/** Who connects, and in which protocol; the rest is looked at once that is known. */
const identitySchema = handshakeAuthSchema.pick({ protocol: true, token: true });

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
  async admit(socket: ClientSocket, clock: StageClock, signal: AbortSignal): Promise<Admission & Beginning> {
    await clock.run('origin', () => this.checkOrigin(socket));
    const principal = await clock.run('token', () => this.verifyToken(socket, signal));
    clock.userId = principal.user_id;
    const releases: (() => void)[] = [];
    const release = (): void => releases.splice(0).forEach((undo) => undo());
    socket.conn.once('close', release);
    releases.push(() => socket.conn.off('close', release));
    try {
      const handshake = await clock.run('session', async () => {
        const parsed = parse(handshakeAuthSchema, socket.handshake.auth, 'HANDSHAKE_INVALID');
        releases.push(await this.gate.admit(principal.user_id));
        return parsed;
      });
      const inbox = new Inbox();
      const subscription = this.bus.subscribe(principal.user_id, (message) => inbox.accept(message));
      releases.push(() => subscription.end());
      const { resume, runs, page } = await clock.run('mailbox', async () => {
        await subscription.ready;
        return this.mailbox.read(principal, handshake);
      });
      return await clock.run('join', () => {
        assertOpen(socket, signal);
        return { principal, options: optionsOf(socket, handshake), resume, runs, page, inbox, release };
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

  private async verifyToken(socket: ClientSocket, signal: AbortSignal): Promise<Principal> {
    const { query, auth } = socket.handshake;
    if (TOKEN_PARAMETERS.some((name) => query[name] !== undefined))
      throw ComponentError.authentication('AUTH_TOKEN_IN_URL');
    guardAuth(auth);
    const { token } = parse(identitySchema, auth, 'HANDSHAKE_INVALID');
    return this.verifier.verify(token, signal);
  }
}

/** What no schema should have to deal with is no handshake either. @throws ComponentError HANDSHAKE_INVALID */
function guardAuth(auth: object): void {
  try {
    if (UNDECODABLE in auth) throw ComponentError.messageHandler('PACKET_INVALID');
    guardPayload(auth);
  } catch (cause) {
    const { reason } = classify(cause, 'Factory');
    throw ComponentError.factory('HANDSHAKE_INVALID', { cause, details: { issues: [{ path: '', code: reason }] } });
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
