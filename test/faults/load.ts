import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ack, DurableEvent, ErrorBody } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import { ChatClient, drillWords } from '../support/chat-client';
import type { ClarionProcess } from '../support/clarion-process';
import { rowsOf } from '../support/database';

const PAUSE_MS = 500;
const TOKENS = 12;
const DRILL = JSON.stringify({ tokens: TOKENS, per_second: 400 });
export const ANSWER = drillWords(TOKENS);

/** One request and its answer. Times by the monotonic clock, in milliseconds. */
export interface Sent {
  readonly client_message_id: string;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly runId: string | null;
  readonly duplicate: boolean;
  readonly error: ErrorBody | null;
}

/** A user who sends one message after the other, without end. */
export class Sender {
  readonly sent: Sent[] = [];
  /** Messages that were sent and never answered: the process has died. */
  readonly unanswered: string[] = [];
  private stopped = false;
  private sending: Promise<void> | null = null;

  constructor(
    readonly user: string,
    readonly client: ChatClient,
  ) {}

  static async connect(clarion: ClarionProcess, user: string, cursor?: string): Promise<Sender> {
    const token = await clarion.token(user);
    return new Sender(user, await ChatClient.connect(clarion.url, { token, cursor }));
  }

  get accepted(): Sent[] {
    return this.sent.filter(({ runId }) => runId !== null);
  }

  get refused(): Sent[] {
    return this.sent.filter(({ error }) => error !== null);
  }

  begin(): void {
    this.sending = this.sendOn();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.sending;
  }

  close(): void {
    this.stopped = true;
    this.client.close();
  }

  /** Sends one message; the same id again repeats it. */
  async send(client_message_id: string): Promise<Sent> {
    const sentAt = performance.now();
    const payload = { client_message_id, content: DRILL, agent: 'drill' };
    const answer = await this.client.request('chat_message', payload);
    const sent = { client_message_id, sentAt, answeredAt: performance.now(), ...outcomeOf(answer) };
    this.sent.push(sent);
    return sent;
  }

  private async sendOn(): Promise<void> {
    const gone = disconnected(this.client);
    while (!this.stopped && this.client.socket.connected) {
      const id = randomUUID();
      const answered = await Promise.race([this.send(id), gone]);
      if (answered === undefined) this.unanswered.push(id);
      else await delay(PAUSE_MS * (0.5 + Math.random()));
    }
  }
}

/** Resolves when the client has lost its connection: it has then received all that it will. */
export function disconnected({ socket }: ChatClient): Promise<void> {
  return new Promise((resolve) => {
    if (socket.connected) socket.once('disconnect', () => resolve());
    else resolve();
  });
}

function outcomeOf(answer: Ack<'chat_message'>): Pick<Sent, 'runId' | 'duplicate' | 'error'> {
  return answer.ok
    ? { runId: answer.run_id, duplicate: answer.duplicate, error: null }
    : { runId: null, duplicate: false, error: answer.error };
}

/** Events in `seq` order, each exactly once, none missing in between. */
export function expectGapless(events: readonly DurableEvent[]): void {
  const seqs = events.map(({ seq }) => seq);
  const first = seqs[0] ?? 0;
  expect(seqs).toEqual(seqs.map((_, index) => first + index));
}

/** One terminal event, and the text to the character: from the client's point of view. */
export function expectCompleted(client: ChatClient, runId: string, content = ANSWER): void {
  const ends = client.events.filter((event) => event.run_id === runId && TERMINAL_EVENTS.has(event.type));
  expect(ends.map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'agent_completed', data: expect.objectContaining({ content }) },
  ]);
  expect(client.answers.get(runId)?.answer).toBe(content);
}

/** Every accepted message is stored once, and its run has one end with the exact text, in the database's own words. */
export async function expectEndedOnce(url: string, accepted: readonly Sent[]): Promise<void> {
  const rows = await rowsOf<{ id: string; messages: number; ends: number; content: string | null }>(
    url,
    `SELECT r.id, r.final_content AS content,
       (SELECT count(*)::int FROM messages m WHERE m.run_id = r.id AND m.role = 'user') AS messages,
       (SELECT count(*)::int FROM mailbox_events e WHERE e.user_id = r.user_id AND e.run_id = r.id AND e.type = ANY($2)) AS ends
     FROM runs r WHERE r.id = ANY($1)`,
    [accepted.map(({ runId }) => runId), [...TERMINAL_EVENTS]],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  expect(new Set(accepted.map(({ runId }) => runId)).size).toBe(byId.size);
  for (const { runId } of accepted)
    expect(byId.get(runId ?? '')).toEqual({ id: runId, messages: 1, ends: 1, content: ANSWER });
}
