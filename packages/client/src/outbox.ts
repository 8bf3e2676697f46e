import type { RequestPayload } from '@clarion/protocol';
import type { StoreSlot } from './store';

/** A message that the server has not acknowledged. */
export interface OutboxEntry {
  readonly message: RequestPayload<'chat_message'>;
  /** Who wrote it; null before it is known who is connected. */
  readonly user: string | null;
}

/** The messages that are not acknowledged, in the order of writing, here and in the store. */
export class Outbox {
  private entries: OutboxEntry[] = [];
  private loading: Promise<readonly OutboxEntry[]> | null = null;
  private loaded = false;

  constructor(private readonly slot: StoreSlot<OutboxEntry[]>) {}

  /** Reads, once, what an earlier life has left. @returns that, without what was added since */
  load(): Promise<readonly OutboxEntry[]> {
    this.loading ??= this.read();
    return this.loading;
  }

  /** Resolves when it is stored, or could not be. */
  add(entry: OutboxEntry): Promise<void> {
    this.entries = [...this.entries, entry];
    return this.save();
  }

  remove(clientMessageId: string): Promise<void> {
    this.entries = this.entries.filter(({ message }) => message.client_message_id !== clientMessageId);
    return this.save();
  }

  /** What nobody has claimed belongs to `user`, who is the first to connect. @returns the owner of the entry */
  claim(clientMessageId: string, user: string): string {
    const entry = this.entries.find(({ message }) => message.client_message_id === clientMessageId);
    if (entry?.user != null) return entry.user;
    this.entries = this.entries.map((other) => (other === entry ? { ...other, user } : other));
    void this.save();
    return user;
  }

  async clear(): Promise<void> {
    await this.load();
    this.entries = [];
    await this.save();
  }

  /** Resolves when the store has everything. */
  async settled(): Promise<void> {
    await this.loading;
    await this.slot.settled();
  }

  private async read(): Promise<readonly OutboxEntry[]> {
    const stored = await this.slot.read();
    const earlier = Array.isArray(stored) ? stored.filter(isEntry) : [];
    const added = this.entries;
    this.entries = [...earlier, ...added];
    this.loaded = true;
    if (added.length > 0) await this.save();
    return earlier;
  }

  /** Before the store was read, writing would destroy what it holds. */
  private async save(): Promise<void> {
    if (!this.loaded) await this.load();
    else await this.slot.write(this.entries.length === 0 ? null : this.entries);
  }
}

/** What is stored may come from another version, or from somebody else. */
function isEntry(entry: unknown): entry is OutboxEntry {
  const message = (entry as Partial<OutboxEntry> | null)?.message;
  return typeof message?.client_message_id === 'string' && typeof message.content === 'string';
}
