import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RequestPayload, RequestResult } from '@clarion/protocol';
import type { Socket } from 'socket.io-client';
import type { Display } from './display';
import type { Lines } from './lines';
import { CommandError } from '../command/command-error';
import { NO_ANSWER, request } from './requests';
import { RunFollower } from './run-follower';

const SEND_MS = 12_000;
const TRIES = 3;
const LONGEST_PAUSE_MS = 5_000;

type Accepted = RequestResult<'chat_message'>;

/** Questions and answers in one thread. */
export class Conversation {
  private threadId: string | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly display: Display,
    private readonly lines: Lines,
    private readonly agent: string | undefined,
  ) {}

  /** True where the run completed; everything else has been shown. @throws CommandError, Refused */
  async ask(content: string, signal: AbortSignal): Promise<boolean> {
    const follower = new RunFollower(this.socket, this.display, this.lines);
    try {
      const accepted = await this.send(content, signal);
      if (accepted === null) return false;
      this.threadId = accepted.thread_id;
      return await follower.follow(accepted.run_id, signal);
    } finally {
      follower.stop();
    }
  }

  /** Repeats with the same id what may have been lost or is worth another try: nothing is accepted twice. */
  private async send(content: string, signal: AbortSignal): Promise<Accepted | null> {
    const message = this.message(content);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await request(this.socket, 'chat_message', message, SEND_MS);
      if (answer !== NO_ANSWER && answer.ok) return answer;
      const last = attempt === TRIES || signal.aborted;
      if (answer === NO_ANSWER) {
        if (last) throw new CommandError('The server did not say whether it took the message.');
        continue;
      }
      this.display.failure(answer.error);
      if (last || !answer.error.retryable) return null;
      await delay(Math.min(answer.error.retry_after_ms ?? 0, LONGEST_PAUSE_MS));
    }
  }

  private message(content: string): RequestPayload<'chat_message'> {
    return { client_message_id: randomUUID(), content, thread_id: this.threadId, agent: this.agent };
  }
}
