import type { ErrorBody } from './errors';
import type { ComponentReport, MessageView, Overlap, RunStatus, RunView, ThreadView } from './views';

/** `before` is the `next` of the answer before this one. */
interface Page {
  before?: string;
  limit?: number;
}

/** Client event name -> its payload and what `ok: true` carries (PROTOCOL.md section 2). */
export interface ClientRequestMap {
  chat_message: {
    payload: {
      client_message_id: string;
      content: string;
      thread_id?: string;
      agent?: string;
      overlap?: Overlap;
      metadata?: Record<string, unknown>;
    };
    result: { message_id: string; thread_id: string; run_id: string; duplicate: boolean };
  };
  events_ack: { payload: { cursor: string }; result: { cursor: string } };
  run_cancel: { payload: { run_id: string }; result: { run_id: string; status: RunStatus } };
  run_retry: { payload: { run_id: string }; result: { run_id: string } };
  run_get: { payload: { run_id: string }; result: { run: RunView } };
  input_submit: {
    payload: { run_id: string; input_id: string; value: unknown };
    result: { duplicate: boolean };
  };
  /** `next` is null where nothing is left. */
  thread_list: { payload: Page; result: { threads: ThreadView[]; next: string | null } };
  /** `as_of` is the cursor from which live events continue the history. */
  thread_history: {
    payload: { thread_id: string } & Page;
    result: { messages: MessageView[]; runs: RunView[]; as_of: string; next: string | null };
  };
  thread_delete: { payload: { thread_id: string }; result: { thread_id: string } };
  auth_refresh: { payload: { token: string }; result: { expires_at: string } };
  health_check: { payload: Record<string, never>; result: { report: ComponentReport } };
}

export type ClientEventName = keyof ClientRequestMap;

const CLIENT_EVENTS: Record<ClientEventName, true> = {
  chat_message: true,
  events_ack: true,
  run_cancel: true,
  run_retry: true,
  run_get: true,
  input_submit: true,
  thread_list: true,
  thread_history: true,
  thread_delete: true,
  auth_refresh: true,
  health_check: true,
};

export const CLIENT_EVENT_NAMES = Object.keys(CLIENT_EVENTS) as readonly ClientEventName[];

export type RequestPayload<N extends ClientEventName> = ClientRequestMap[N]['payload'];
export type RequestResult<N extends ClientEventName> = ClientRequestMap[N]['result'];

/** The refusal of a request. */
export interface AckFailure {
  ok: false;
  error: ErrorBody;
}

/** The acknowledgement of a request; every request gets exactly one. */
export type Ack<N extends ClientEventName = ClientEventName> =
  { [K in N]: { ok: true } & RequestResult<K> }[N] | AckFailure;

/** Everything a client sends, in the form of Socket.IO's typed events. */
export type ClientToServerEvents = {
  [N in ClientEventName]: (payload: RequestPayload<N>, ack: (answer: Ack<N>) => void) => void;
};
