import { type ErrorBody, type ErrorEnvelope, PROTOCOL_VERSION } from '@clarion/protocol';
import { io, type Socket } from 'socket.io-client';
import { unreachable } from '../command/server-url';

const CONNECT_TIMEOUT_MS = 10_000;

/** The server refused the connection and said why. */
export class Refused extends Error {
  constructor(readonly error: ErrorBody) {
    super(error.message);
  }
}

/** A connected socket. It comes back by itself after a cut, and then reads on after the last event it got. @throws CommandError, Refused */
export async function connect(url: string, token: string): Promise<Socket> {
  let cursor: string | undefined;
  const socket = io(url, {
    auth: (give) => give({ token, protocol: PROTOCOL_VERSION, device_id: 'terminal', cursor }),
    timeout: CONNECT_TIMEOUT_MS,
    forceNew: true,
  });
  socket.onAny((_name: string, payload: unknown) => {
    if (typeof payload === 'object' && payload !== null && 'seq' in payload && 'id' in payload)
      cursor = String(payload.id);
  });
  try {
    await established(socket, url);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function established(socket: Socket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(unreachable(url)), CONNECT_TIMEOUT_MS);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      socket.off('connect_error', onError);
      if (error) reject(error);
      else resolve();
    };
    const onError = (error: Error): void => settle(refusalIn(error) ?? unreachable(url));
    socket.on('connect_error', onError);
    socket.once('connect', () => settle());
  });
}

/** The refusal that a `connect_error` carries (PROTOCOL.md section 1); null for a transport that failed. */
export function refusalIn(error: Error & { data?: Partial<ErrorEnvelope> }): Refused | null {
  return error.data?.error === undefined ? null : new Refused(error.data.error);
}
