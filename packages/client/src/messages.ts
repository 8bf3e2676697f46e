import { MAX_CONTENT_BYTES, MAX_METADATA_CHARS, utf8Length, type RequestPayload } from '@clarion/protocol';
import { localError, type Report } from './errors';
import { newMessageId } from './ids';
import { LiveRun } from './live-run';
import type { Ask, SendOptions } from './options';
import type { Outbox, OutboxEntry } from './outbox';
import type { Sender } from './sender';

export interface MessagesPorts {
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly ask: Ask;
  readonly report: Report;
  /** Who writes; null while nobody knows. */
  author(): string | null;
}

/** What the user writes: into the outbox first, then to the server. */
export class Messages {
  private restoring: Promise<readonly LiveRun[]> | null = null;
  private restored = false;

  constructor(private readonly ports: MessagesPorts) {}

  send(content: string, options: SendOptions): LiveRun {
    const message = messageOf(content, options);
    const live = this.liveRun(message);
    if (isTooLarge(message)) {
      const failure = localError('CLIENT_CONTENT_TOO_LARGE');
      live.reject(failure);
      this.ports.report(failure);
      return live;
    }
    const entry: OutboxEntry = { message, user: this.ports.author() };
    const stored = this.ports.outbox.add(entry);
    if (this.restored) this.ports.sender.enqueue(entry, live, stored);
    else void this.restore().then(() => this.ports.sender.enqueue(entry, live, stored));
    return live;
  }

  /** The messages that an earlier life has left in the outbox; they are sent as soon as there is a connection. */
  restore(): Promise<readonly LiveRun[]> {
    this.restoring ??= this.load();
    return this.restoring;
  }

  private async load(): Promise<readonly LiveRun[]> {
    const entries = await this.ports.outbox.load();
    const lives = entries.map((entry) => {
      const live = this.liveRun(entry.message);
      this.ports.sender.enqueue(entry, live, Promise.resolve());
      return live;
    });
    this.restored = true;
    return lives;
  }

  private liveRun({ client_message_id, content }: OutboxEntry['message']): LiveRun {
    return new LiveRun(client_message_id, content, this.ports.ask);
  }
}

function messageOf(content: string, options: SendOptions): RequestPayload<'chat_message'> {
  const { threadId, agent, overlap, metadata } = options;
  return {
    client_message_id: newMessageId(),
    content,
    ...(threadId === undefined ? {} : { thread_id: threadId }),
    ...(agent === undefined ? {} : { agent }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** A frame above the transport's limit would end the connection without a word, and again at every try. */
function isTooLarge({ content, metadata }: RequestPayload<'chat_message'>): boolean {
  return utf8Length(content) > MAX_CONTENT_BYTES || (JSON.stringify(metadata) ?? '').length > MAX_METADATA_CHARS;
}
