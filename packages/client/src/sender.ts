import type { RequestPayload, RequestResult } from '@clarion/protocol';
import { backoffMs, pause, type Bounds } from './backoff';
import { isRepeatable, ClarionError, localError, type Report } from './errors';
import type { LiveRun } from './live-run';
import type { Outbox, OutboxEntry } from './outbox';

type Message = RequestPayload<'chat_message'>;

const NEW_THREADS = '';

export interface SenderPorts {
  readonly outbox: Outbox;
  readonly bounds: Bounds;
  readonly report: Report;
  /** Aborted when the client closes. */
  readonly signal: AbortSignal;
  /** Resolves with the user's id while connected, else as soon as. @throws ClarionError CLIENT_CLOSED */
  connected(): Promise<string>;
  /** @throws ClarionError */
  post(message: Message): Promise<RequestResult<'chat_message'>>;
  /** The message is committed. */
  accepted(live: LiveRun, result: RequestResult<'chat_message'>): void;
}

/**
 * Sends what is in the outbox until the server has each message, and knows by its id which it has. Messages of one thread go one
 * after the other, in the order of writing, and so do those that begin threads; threads do not wait for each other.
 */
export class Sender {
  private readonly lanes = new Map<string, Promise<void>>();

  constructor(private readonly ports: SenderPorts) {}

  /** @param stored resolves when a reload cannot lose the message any more */
  enqueue(entry: OutboxEntry, live: LiveRun, stored: Promise<void>): void {
    const lane = entry.message.thread_id ?? NEW_THREADS;
    const before = this.lanes.get(lane) ?? Promise.resolve();
    const turn = before.then(() => this.send(entry, live, stored));
    this.lanes.set(lane, turn);
    void turn.then(() => {
      if (this.lanes.get(lane) === turn) this.lanes.delete(lane);
    });
  }

  /** Never rejects: the run is told what has become of its message. */
  private async send({ message }: OutboxEntry, live: LiveRun, stored: Promise<void>): Promise<void> {
    const { outbox, report } = this.ports;
    try {
      await stored;
      const result = await this.untilAnswered(message);
      this.ports.accepted(live, result);
      await outbox.remove(message.client_message_id);
    } catch (error) {
      const failure = error instanceof ClarionError ? error : localError('CLIENT_NO_ANSWER', error);
      live.reject(failure);
      if (STAYS.has(failure.reason)) return;
      await outbox.remove(message.client_message_id);
      report(failure);
    }
  }

  private async untilAnswered(message: Message): Promise<RequestResult<'chat_message'>> {
    const { bounds, signal } = this.ports;
    let told = '';
    for (let failures = 1; ; failures += 1) {
      const user = await this.ports.connected();
      if (this.ports.outbox.claim(message.client_message_id, user) !== user) throw localError('CLIENT_OTHER_USER');
      try {
        return await this.ports.post(message);
      } catch (error) {
        if (!isRepeatable(error)) throw error;
        if (error.supportCode !== '' && error.reason !== told) this.ports.report(error);
        told = error.reason;
        if (error.reason === 'CLIENT_DISCONNECTED') continue;
        await pause(backoffMs(failures, error.body.retry_after_ms, bounds, Math.random()), signal);
      }
    }
  }
}

/** The message is not refused: it waits in the outbox for the next life of this client. */
const STAYS: ReadonlySet<string> = new Set(['CLIENT_CLOSED', 'CLIENT_OTHER_USER', 'CLIENT_NO_ANSWER']);
