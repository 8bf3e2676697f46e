import type { AckFailure, ClientEventName, RequestPayload, RequestResult } from '@clarion/protocol';
import type { Socket } from 'socket.io-client';

export type Answer<N extends ClientEventName> = ({ ok: true } & RequestResult<N>) | AckFailure;

/** A request without an acknowledgement in time: its outcome is unknown. */
export const NO_ANSWER = 'no_answer';

/** Sends a request and waits for its acknowledgement, at most `timeoutMs`. */
export function request<N extends ClientEventName>(
  socket: Socket,
  event: N,
  payload: RequestPayload<N>,
  timeoutMs: number,
): Promise<Answer<N> | typeof NO_ANSWER> {
  return new Promise((resolve) => {
    socket.timeout(timeoutMs).emit(event, payload, (missing: Error | null, answer: Answer<N>) => {
      resolve(missing === null ? answer : NO_ANSWER);
    });
  });
}
