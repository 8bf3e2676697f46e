import type {
  AckMode,
  ConnectionEstablished,
  ErrorBody,
  Overlap,
  RequestPayload,
  RequestResult,
  PendingInput,
  RunStatus,
  Usage,
  UserNotification,
} from '@clarion/protocol';
import type { ManagerOptions, SocketOptions } from 'socket.io-client';
import type { ClientStore } from './store';

export interface TokenRequest {
  /** The last token has expired or soon will: one from a cache will not do. */
  readonly refresh: boolean;
}

export interface ClarionClientOptions {
  /** Where Clarion is: `https://chat.example.com`. */
  readonly url: string;
  /** Gives the token; asked before each connecting, and before a token ends. At most 15 s, or it counts as failed. */
  readonly token: (request: TokenRequest) => string | Promise<string>;
  /** Who the token belongs to. Part of the key in the store: pass it where several users sign in on one device. */
  readonly user?: string;
  /** 1-64 of `A-Za-z0-9_-`; default `default`. The server keeps one reading position per user and device. */
  readonly deviceId?: string;
  /** BCP 47 tag of the language of texts for users; default the server's. */
  readonly locale?: string;
  /**
   * `manual`: events count as read only when `acknowledge` says so, and those that were not are given again in the next life. A critical event that is
   * left for 30 s closes the connection, which comes back. Default `auto`: what has arrived is read.
   */
  readonly ack?: AckMode;
  /** Keeps cursor and outbox; default `sessionStorage` in a browser, the memory elsewhere. */
  readonly store?: ClientStore;
  /** The key in the store; default made of url, user and device. Of two clients on one store each needs its own. */
  readonly storeKey?: string;
  /** A failure to show to the user. Each support code comes once. */
  readonly onProblem?: (notification: UserNotification, error: ErrorBody) => void;
  /** Between which bounds waiting before a reconnect grows, in milliseconds; default 200 to 10,000. */
  readonly reconnect?: { readonly minMs?: number; readonly maxMs?: number };
  /** Handed to Socket.IO: `path`, `transports`, `extraHeaders` and the like. */
  readonly socket?: Partial<ManagerOptions & SocketOptions>;
}

/** Where the connection is. `error` is what the server, or this client, gave as the reason, if it did. */
export type ConnectionState =
  | { readonly status: 'idle' }
  | { readonly status: 'connecting' }
  /** Events arrive; first those that were missed. */
  | { readonly status: 'connected'; readonly connection: ConnectionEstablished }
  /** Lost or refused for now; tried again after `retryInMs`. */
  | { readonly status: 'waiting'; readonly retryInMs: number; readonly error: ErrorBody | null }
  /** Refused for good; `connect()` tries again. */
  | { readonly status: 'refused'; readonly error: ErrorBody }
  | { readonly status: 'closed' };

export interface SendOptions {
  /** Default: a new thread. */
  readonly threadId?: string;
  /** Default: the server's default agent. */
  readonly agent?: string;
  /** What happens when the thread has runs that have not ended; default `enqueue`. */
  readonly overlap?: Overlap;
  readonly metadata?: Record<string, unknown>;
}

/** The server has committed the message and its run. */
export interface Accepted {
  readonly messageId: string;
  readonly threadId: string;
  readonly runId: string;
  /** The server had it already: it was sent before, and its acknowledgement was lost. */
  readonly duplicate: boolean;
}

/** A change of an answer: what follows `index` (UTF-16 code units) is replaced by `text`. Mostly `index` is the end, and it grows. */
export interface AnswerUpdate {
  readonly index: number;
  readonly text: string;
  /** The whole answer so far. */
  readonly answer: string;
}

export interface RunOutcome {
  readonly status: Extract<RunStatus, 'completed' | 'failed' | 'cancelled'>;
  readonly runId: string;
  /** The whole answer; of a failed or cancelled run, what had been written. */
  readonly content: string;
  /** Of a failed run. */
  readonly error: ErrorBody | null;
  /** Tokens used, where the server told. */
  readonly usage: Usage | null;
}

/** What an agent asks its user; the run waits for the answer. */
export interface RunQuestion {
  readonly inputId: string;
  readonly prompt: string;
  /** A JSON Schema of the value that is asked for. */
  readonly schema: PendingInput['schema'];
  /** ISO 8601; then the run goes on without, or fails. */
  readonly expiresAt: string;
  /** May be repeated. @throws ClarionError what is wrong with the value, or the question is closed */
  answer(value: unknown): Promise<RequestResult<'input_submit'>>;
}

/** One message and the run that answers it. Iterating gives the changes of the answer until the run ends. */
export interface ClarionRun extends AsyncIterable<AnswerUpdate> {
  /** Null for a run that was not started here. */
  readonly clientMessageId: string | null;
  /** What was sent; null for a run that was not started here. */
  readonly content: string | null;
  /** Null until the message is accepted. */
  readonly runId: string | null;
  /** The answer so far. */
  readonly answer: string;
  /** @throws ClarionError the message was refused, or the client closed before (the message stays in the outbox) */
  readonly accepted: Promise<Accepted>;
  /** How the run ended; a failed run is an outcome, not a rejection. @throws ClarionError as `accepted`, or the run was deleted */
  readonly final: Promise<RunOutcome>;
  /** @returns what ends the listening */
  onDelta(listener: (update: AnswerUpdate) => void): () => void;
  /** Hears the question that is open now, if there is one, and each one to come. @returns what ends the listening */
  onQuestion(listener: (question: RunQuestion) => void): () => void;
  /** Cancels the run as soon as it is accepted. @throws ClarionError */
  cancel(): Promise<RequestResult<'run_cancel'>>;
}

/** Asks the server for something, and throws what it refuses. @throws ClarionError */
export type Ask = <N extends 'run_get' | 'run_cancel' | 'input_submit'>(
  name: N,
  payload: RequestPayload<N>,
) => Promise<RequestResult<N>>;
